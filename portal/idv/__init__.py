"""Identity verification, pure: request × trusted record × face result → verdict and ``verified_claims``.

VerifEye proves a face. Names, dates and addresses come from the directory's record of the person whose face
matched. So a requested claim is verified if the face passed and the record agrees with the value asked for.
Nothing here knows Flask, SQLAlchemy, a clock or another room; time is passed in::

    requested      the ``claims`` parameter as hostile JSON → typed requests, or ClaimsRefused
    record         TrustedRecord; does one requested claim agree with it, and if not, why
    evaluate       evaluate_okta (FAILED and null), evaluate_ida (omit, never err)
    values         dates, e-mail addresses, telephone numbers, postal addresses (regions: codes and names)
    names          two names: words lined up, the weakest pair decides
      words          two words: equal, accents, romanised, spelling, familiar form, slip, initial
      text           Unicode made comparable
      romanisation   is this Latin spelling that foreign word: one alignment, and tables of letters for it in
                     alphabets, abjads, indic (and Thai), east_asian
      sounds         Latin spellings that go back to one name: Mohamed and Muhammad
      vietnamese     tones: Thúy is not Thùy
      nicknames      Dan for Daniel
      typing_errors  slips, where they cannot be another name
    tables, data/  the lists of names: ours, but for the two ``known_`` lists (MIT, licence beside them)

Decisions worth knowing:

* Two people taken for one is the worse error, so every kind of evidence has a score of its own and
  what is not evidence stays below every sensible threshold. The figures are in ``docs/name-
  matching.md``.
* A claim without ``fuzzy`` is compared as text; dates, e-mail addresses and telephone numbers
  always by meaning.
* For Okta every requested claim is essential unless it says ``"essential": false``: Okta marks none
  and acts as if all were. In Identity Assurance ``essential`` changes nothing.
* In ``values`` mode the answer is the record's value, not the echo of the request: it is what was
  verified.
* An entry under a trust framework that is not ours is answered ``FAILED`` under ours for Okta, left
  out for IDA.
"""
