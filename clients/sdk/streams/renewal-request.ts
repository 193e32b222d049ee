/** The two messages of a renewal: a domain asks the authority's domain, which answers with a credential or a reason. */
import type { Identity } from '../../../keys/index.ts';
import { ArgusError } from '../errors.ts';
import { RENEWAL_RING_BYTES } from '../limits.ts';
import type { RenewalPlace } from '../options.ts';
import type { Vm } from '../vm.ts';

/** @throws ArgusError ERR_CLIENT_RENEWAL, or as `Vm.request` */
export async function askForRenewal(
  vm: Pick<Vm, 'registerRing' | 'request' | 'unregisterRing'>,
  { domain, port }: RenewalPlace,
  { credentialJwt, publicJwk }: Pick<Identity, 'credentialJwt' | 'publicJwk'>,
): Promise<string> {
  const ring = await vm.registerRing({ port, partner: domain, length: RENEWAL_RING_BYTES });
  try {
    const request = Buffer.from(JSON.stringify({ credential: credentialJwt, key: publicJwk }));
    const { payload } = await vm.request({ to: { domain, port }, from: ring, iov: request });
    return credentialIn(payload, domain);
  } finally {
    await vm.unregisterRing(ring).catch(() => {}); // the session has ended
  }
}

function credentialIn(payload: Uint8Array, domain: string): string {
  let reply: { readonly credential?: unknown; readonly reason?: unknown } | null;
  try {
    reply = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    reply = null;
  }
  if (typeof reply?.credential === 'string') return reply.credential;
  const reason = typeof reply?.reason === 'string' ? reply.reason.slice(0, 100) : 'no credential in its answer';
  throw new ArgusError('ERR_CLIENT_RENEWAL', `"${domain}" does not renew the credential of this domain: ${reason}`);
}
