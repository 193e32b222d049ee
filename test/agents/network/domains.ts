/** A small inventory with addresses, and the domains of it, for tests of what a packet may say. */
import { INSPECTORS } from '../../../broker/index.ts';
import type { Domain } from '../../../policy/index.ts';
import { compilePolicy } from '../../../policy/load/compile.ts';
import { MODEL_TEXT } from '../../../policy/read/casbin-model.ts';

const DOMAINS = `labels:
  - name: '@app'
domains:
  - {name: net-vm, domid: 1, labels: ['@app'], mac: '02:00:00:00:00:02', ipv4: 10.137.0.2, ipv6: 'fd00::2', routes: [0.0.0.0/0, 10.137.2.0/24, '::/0']}
  - {name: chrome-vm, domid: 2, mac: '02:00:00:00:01:01', ipv4: 10.137.1.1, ipv6: 'fd00::1:1'}
  - {name: mail-vm, domid: 3, mac: '02:00:00:00:01:02', ipv4: 10.137.1.2}
  - {name: print-vm, domid: 4, mac: '02:00:00:00:01:03', ipv4: 10.137.2.3}
  - {name: bare-vm, domid: 5}
`;

export async function networkDomains(domains: string = DOMAINS): Promise<(name: string) => Domain> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const policy = await compilePolicy(
    {
      'model.conf': bytes(MODEL_TEXT),
      'domains.yaml': bytes(domains),
      'services.yaml': bytes('classes: []\n'),
      'policy.csv': bytes('p, @app, broker, argo, enable, allow\n'),
      'assertions.csv': bytes(''),
      'tests.csv': bytes(''),
    },
    { revision: 1, inspectors: INSPECTORS },
  );
  return (name) => {
    const domain = policy.domains.byName(name);
    if (domain === undefined) throw new Error(`no domain ${name}`);
    return domain;
  };
}
