"""The verification portal: an OpenID Provider between Okta and VerifEye's face verification.

Every room has one duty and imports downwards only; rooms on one line do not see each other::

    app                                                the only wiring
    admin | cli
    okta                                               event hooks, reconciling, the registration attribute
    oidc | capture | enrolment | scim | health | watch | tracing   what the outside reaches
    web                                                what browser rooms share
    verifications | connections                        records of VerifEye and of Okta, and their clients
    users                                              the directory, and who is enrolled where
    journey | grants | idv | verifeye | okta_api | signing_keys | mail   the spine, and what it is made of
    outbox                                             side effects that survive a crash
    audit                                              what happened, in the same commit
    models                                             tables only
    records                                            single records, by statements compiled once
    extensions
    clock | credentials | settings | http | logs | counters | shared_counters
    statements | one_writer | signed_text
    metrics | spans
    serving                                            gunicorn's threads

The sandbox stands apart: it plays VerifEye and the relying party, and sees of all this the vendor's wire
and what plays Okta.

How one sign-in flows (design: steps return to the dispatcher and never route to one another)::

    client --GET authorize--> oidc.authorize --> journey.open                    OPEN
             303 signed link + browser cookie
    capture.start (who asks, for whom, why, consent) --POST--> VerifEye          CAPTURING
    capture.verify_result <-- browser returns; every trust rule; a verdict       VERIFIED | REFUSED | OPEN
             303 signed link
    oidc.resume: the dispatcher --> a code minted from the stored parameters     ISSUED
    client --POST token--> oidc.token --> grants.redeem (one UPDATE) --> ID token  REDEEMED
"""
