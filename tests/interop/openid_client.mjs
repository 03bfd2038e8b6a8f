// A relying party made with openid-client, as its documentation has it. The test speaks with it in lines of
// JSON: what to be (first line in), where to send the browser (first line out), what the browser came back
// with (second line in), and what came of it (second line out).

import { createInterface } from "node:readline/promises";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const write = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);

const told = await read();

const key = told.private_jwk && {
  key: await crypto.subtle.importKey(
    "jwk", told.private_jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]),
  kid: told.private_jwk.kid,
};
const authentication = {
  client_secret_post: () => client.ClientSecretPost(told.client_secret),
  client_secret_basic: () => client.ClientSecretBasic(told.client_secret),
  private_key_jwt: () => client.PrivateKeyJwt(key),
}[told.auth_method]();

const configuration = await client.discovery(
  new URL(told.issuer), told.client_id,
  { id_token_signed_response_alg: told.id_token_alg },
  authentication,
  // Plain http on loopback, and the ID token's signature checked even though it came straight from the portal.
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
);

const verifier = client.randomPKCECodeVerifier();
const expected = {
  pkceCodeVerifier: verifier,
  expectedState: client.randomState(),
  expectedNonce: client.randomNonce(),
  idTokenExpected: true,
};
const parameters = {
  redirect_uri: told.redirect_uri,
  scope: "openid profile email",
  login_hint: told.login_hint,
  state: expected.expectedState,
  nonce: expected.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  ...(told.form_post && { response_mode: "form_post" }),
};
const url = await {
  plain: () => client.buildAuthorizationUrl(configuration, parameters),
  signed: () => client.buildAuthorizationUrlWithJAR(configuration, parameters, key),
  pushed: () => client.buildAuthorizationUrlWithPAR(configuration, parameters),
}[told.request]();
write({ url: url.href });

const arrived = await read();
const answer = told.form_post
  ? new Request(arrived.url, { method: "POST", body: new URLSearchParams(arrived.parameters) })
  : new URL(arrived.url);
const again = told.form_post ? answer.clone() : answer;

/** Return the error code with which `promise` fails (also one in WWW-Authenticate), or null if it does not. */
const failureOf = (promise) => promise.then(
  () => null,
  (error) => error.error ?? error.cause?.[0]?.parameters?.error ?? error.status ?? error.code,
);

try {
  const tokens = await client.authorizationCodeGrant(configuration, answer, expected);
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(configuration, tokens.access_token, claims.sub);
  await client.tokenRevocation(configuration, tokens.access_token);
  write({
    claims,
    userinfo,
    after_revocation: await failureOf(client.fetchUserInfo(configuration, tokens.access_token, claims.sub)),
    second_redemption: await failureOf(client.authorizationCodeGrant(configuration, again, expected)),
  });
} catch (error) {
  write({ error: error.error ?? error.code ?? String(error), message: error.message });
}
process.exit(0);
