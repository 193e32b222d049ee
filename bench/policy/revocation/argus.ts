/** Argus: a grant is taken back through the control socket, and the call returns when that is in force. */
import { callControl } from '../../../broker/index.ts';
import { GRANTED, LABEL, type PolicySite } from '../site.ts';
import type { RevocationSite } from './arm.ts';

export function argusRevocation({ control, granted }: PolicySite): RevocationSite {
  const call = async (path: string, more: object): Promise<void> => {
    const request = { domain: GRANTED, label: LABEL, by: 'bench', reason: '', ...more };
    const { ok, body } = await callControl(control, 'POST', path, request);
    if (!ok) throw new Error(`bench: ${path} was refused: ${JSON.stringify(body)}`);
  };
  return {
    deliveries: granted,
    send: granted.send,
    allow: () => call('/v1/grants', { forMs: null, keep: true }),
    prepare: async () => undefined,
    revoke: () => call('/v1/grants/revoke', {}),
  };
}
