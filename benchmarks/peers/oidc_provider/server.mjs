// oidc-provider with one client, whose only interaction signs everybody in at once.
// Environment: PORT, REDIS_PORT (without it: in memory), and the client as BENCH_… of the same names.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { InMemory, inRedis } from './storage.mjs';

const { PORT, REDIS_PORT, BENCH_CLIENT_ID, BENCH_CLIENT_SECRET, BENCH_REDIRECT_URI, BENCH_CHALLENGE, BENCH_NONCE } = process.env;
const ACCOUNT = 'amara';
const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  adapter: REDIS_PORT ? inRedis(Number(REDIS_PORT)) : InMemory,
  clients: [{
    client_id: BENCH_CLIENT_ID,
    client_secret: BENCH_CLIENT_SECRET,
    redirect_uris: [BENCH_REDIRECT_URI],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'RS256',
  }],
  jwks: { keys: [{ ...privateKey, alg: 'RS256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['a-key-for-the-cookies-of-the-benchmark'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, pushedAuthorizationRequests: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: { AccessToken: 3600, AuthorizationCode: 3600, Grant: 3600, IdToken: 3600, Interaction: 3600, Session: 3600 },
});
const handle = provider.callback();

async function granted() {
  const grant = new provider.Grant({ accountId: ACCOUNT, clientId: BENCH_CLIENT_ID });
  grant.addOIDCScope('openid');
  return grant.save();
}

async function signIn(request, response) {
  await provider.interactionDetails(request, response);
  const grantId = await granted();
  const result = { login: { accountId: ACCOUNT }, consent: { grantId } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function mint(count) {
  const client = await provider.Client.find(BENCH_CLIENT_ID);
  const codes = [];
  for (let made = 0; made < count; made += 1) {
    const code = new provider.AuthorizationCode({
      accountId: ACCOUNT,
      authTime: Math.floor(Date.now() / 1000),
      client,
      codeChallenge: BENCH_CHALLENGE,
      codeChallengeMethod: 'S256',
      grantId: await granted(),
      gty: 'authorization_code',
      nonce: BENCH_NONCE,
      redirectUri: BENCH_REDIRECT_URI,
      scope: 'openid',
    });
    codes.push(await code.save());
  }
  return codes.join('\n');
}

createServer(async (request, response) => {
  try {
    if (request.url.startsWith('/interaction/')) await signIn(request, response);
    else if (request.url.startsWith('/bench/codes/')) response.end(await mint(Number(request.url.split('/')[3])));
    else await handle(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
}).listen(Number(PORT), '127.0.0.1');
