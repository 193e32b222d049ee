/** The policies of the day: small files of its own, so that a change of the shipped policy changes no line number here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PolicyFiles, SHIPPED_POLICY_DIRECTORY } from '../../../policy/index.ts';

const DOMAINS = `labels:
  - name: "@service"
  - name: "@app"
  - name: "@audio"
  - name: "@net"
  - name: "@db"
  - name: "@backup"
  - name: "@speaker"
  - name: "@mic"
    grantable: true
domains:
  - { name: audio-vm, domid: 1, labels: ["@service", "@audio"] }
  - { name: net-vm, domid: 2, labels: ["@service", "@net"] }
  - { name: db-vm, domid: 3, labels: ["@service", "@db"] }
  - { name: backup-vm, domid: 4, labels: ["@service", "@backup"] }
  - { name: chrome-vm, domid: 101, labels: ["@app", "@speaker"] }
  - { name: mail-vm, domid: 102, labels: ["@app", "@speaker"] }
  - { name: work-vm, domid: 103, labels: ["@app"] }
  - { name: zoom-vm, domid: 104, labels: ["@app", "@speaker"] }
  - { name: rogue-vm, domid: 199, labels: [] }
`;

const SERVICES = `classes:
  - { name: audio-playback, ports: [4713], destination: "@audio", inspector: pcm, permissions: [send], flow: to-destination }
  - { name: audio-capture, ports: [4714], destination: "@app", inspector: pcm, permissions: [send], flow: to-destination }
  - name: audio-control
    ports: [4714]
    destination: "@audio"
    inspector: audio-control
    permissions: [source-start, source-stop, sink-cork, sink-uncork, other]
    flow: to-destination
    auditallow: [source-start, source-stop]
  - { name: ethernet, ports: [802], inspector: ethernet, permissions: [arp, ipv4, ipv6, other], flow: to-destination }
  - { name: data, ports: ["5000-5099"], inspector: opaque, permissions: [send], flow: to-destination }
`;

const ROWS = `p, @service, broker, argo, enable, allow
p, @app, broker, argo, enable, allow
p, @audio, broker, argo, register_any_source, allow
p, @net, broker, argo, register_any_source, allow
p, @db, broker, argo, register_any_source, allow
p, @backup, broker, argo, register_any_source, allow
p, @app, @service, argo, register_single_source, allow
p, @app, @audio, argo, send, allow
p, @audio, @app, argo, send, allow
p, @app, @net, argo, send, allow
p, @net, @app, argo, send, allow
p, @speaker, @audio, audio-playback, send, allow
p, @app, @audio, audio-control, source-start, allow
p, @app, @audio, audio-control, source-stop, allow
p, @audio, @mic, audio-capture, send, allow
p, @app, @net, ethernet, ipv4, allow
p, @net, @app, ethernet, ipv4, allow
p, work-vm, @db, argo, send, allow
p, work-vm, @db, data, send, allow
p, @db, @backup, argo, send, allow
p, @db, @backup, data, send, allow
p, chrome-vm, @db, argo, register_single_source, allow
`;

const ASSERTIONS = `neverallow, rogue-vm, @any, *, *
neverallow, @app, @app, argo, send
neverallow, @audio, @net, audio-capture, send
must-allow, @app, broker, argo, enable
`;

const text = new TextEncoder();

/** @param more rows at the end of policy.csv */
function policyOf(more: string): PolicyFiles {
  return {
    'model.conf': readFileSync(join(SHIPPED_POLICY_DIRECTORY, 'model.conf')),
    'domains.yaml': text.encode(DOMAINS),
    'services.yaml': text.encode(SERVICES),
    'policy.csv': text.encode(`${ROWS}${more}`),
    'assertions.csv': text.encode(ASSERTIONS),
    'tests.csv': text.encode(''),
  };
}

/** In force in the morning, and again after the incident. */
export const MORNING = policyOf('');
/** Breaks an assertion: apps would talk to each other. */
export const REFUSED = policyOf('p, mail-vm, chrome-vm, argo, send, allow\n');
/** Opens the database to the mail VM. */
export const OPENED = policyOf('p, mail-vm, @db, argo, send, allow\np, mail-vm, @db, data, send, allow\n');
