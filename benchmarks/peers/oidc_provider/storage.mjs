// Where oidc-provider keeps what it knows: in this process, or in Redis. Neither survives a power cut.
import Redis from 'ioredis';

const USED_ONCE = new Set(['AuthorizationCode', 'RefreshToken', 'PushedAuthorizationRequest']);
const OF_A_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

// The adapter that the package brings keeps at most some 1,000 entries, fewer than the codes that a run redeems.
// This one does the same in plain maps without forgetting, which is no slower.
export class InMemory {
  static kept = new Map();

  static grants = new Map();

  constructor(model) { this.model = model; }

  async upsert(id, payload) {
    InMemory.kept.set(`${this.model}:${id}`, payload);
    if (this.model === 'Session') InMemory.kept.set(`uid:${payload.uid}`, id);
    if (OF_A_GRANT.has(this.model) && payload.grantId) {
      const members = InMemory.grants.get(payload.grantId);
      if (members) members.push(`${this.model}:${id}`);
      else InMemory.grants.set(payload.grantId, [`${this.model}:${id}`]);
    }
  }

  async find(id) { return InMemory.kept.get(`${this.model}:${id}`); }

  async findByUid(uid) { return this.find(InMemory.kept.get(`uid:${uid}`)); }

  async consume(id) { (await this.find(id)).consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { InMemory.kept.delete(`${this.model}:${id}`); }

  async revokeByGrantId(grantId) {
    for (const key of InMemory.grants.get(grantId) ?? []) InMemory.kept.delete(key);
    InMemory.grants.delete(grantId);
  }
}

// One round trip for each operation: commands that belong together are sent together.
export function inRedis(port) {
  const redis = new Redis({ port, host: '127.0.0.1' });
  return class InRedis {
    constructor(model) { this.model = model; }

    key(id) { return `${this.model}:${id}`; }

    async upsert(id, payload, seconds) {
      const key = this.key(id);
      const together = redis.multi();
      if (USED_ONCE.has(this.model)) {
        together.hset(key, 'payload', JSON.stringify(payload));
        if (seconds) together.expire(key, seconds);
      } else if (seconds) {
        together.set(key, JSON.stringify(payload), 'EX', seconds);
      } else {
        together.set(key, JSON.stringify(payload));
      }
      if (OF_A_GRANT.has(this.model) && payload.grantId) {
        together.rpush(`grant:${payload.grantId}`, key);
        if (seconds) together.expire(`grant:${payload.grantId}`, seconds);
      }
      if (this.model === 'Session') together.set(`uid:${payload.uid}`, id, 'EX', seconds ?? 3600);
      await together.exec();
    }

    async find(id) {
      if (USED_ONCE.has(this.model)) {
        const [payload, consumed] = await redis.hmget(this.key(id), 'payload', 'consumed');
        return payload ? { ...JSON.parse(payload), ...(consumed && { consumed: Number(consumed) }) } : undefined;
      }
      const payload = await redis.get(this.key(id));
      return payload ? JSON.parse(payload) : undefined;
    }

    async findByUid(uid) { return this.find(await redis.get(`uid:${uid}`)); }

    async consume(id) { await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000)); }

    async destroy(id) { await redis.del(this.key(id)); }

    async revokeByGrantId(grantId) {
      const keys = await redis.lrange(`grant:${grantId}`, 0, -1);
      await redis.del(`grant:${grantId}`, ...keys);
    }
  };
}
