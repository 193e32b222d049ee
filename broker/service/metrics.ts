/**
 * Prometheus metrics. No value is counted twice: a scrape reads each one where the broker keeps it. The package is
 * loaded with the first scrape: a broker that nobody scrapes starts faster without it.
 */
import { setTimeout } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { STRANGERS } from '../turns/index.ts';
import { describeBroker, type StatusSources } from './status.ts';
import { type Usage, usageOf } from './usage.ts';

/** How often the delay of the event loop is measured. */
const LAG_SAMPLE_MS = 10;

/** The answer to a scrape. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

export type Metrics = () => Promise<MetricsText>;

/** What the process itself reports, such as the delay of the event loop, is measured from the first scrape on. */
export function brokerMetrics(sources: StatusSources): Metrics {
  let made: Promise<Registry> | undefined;
  return async () => {
    made ??= registryOf(sources);
    const registry = await made;
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
}

async function registryOf(sources: StatusSources): Promise<Registry> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  await setTimeout(3 * LAG_SAMPLE_MS); // the first measurement needs two samples; before it the delay is not a number
  const registers = [registry];
  const { argo, audit, sessions } = sources;

  /** A counter whose value another part of the broker keeps. */
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };

  counter('argus_messages_total', 'Messages accepted into rings.', () => argo.counters.messages);
  counter('argus_message_bytes_total', 'Payload of messages accepted into rings.', () => argo.counters.bytes);
  counter('argus_sessions_opened_total', 'Sessions opened since start.', () => sessions.opened);
  gauge('argus_sessions', 'Sessions open now.', () => sessions.count);
  gauge('argus_policy_revision', 'Revision of the policy in force.', () => argo.policy.revision);
  gauge('argus_policy_rows', 'Rows of the policy in force.', () => argo.policy.rows);
  gauge(
    'argus_policy_permissive_domains',
    'Domains whose denials are not enforced.',
    () => argo.policy.permissive.length,
  );
  counter('argus_policy_rejected_total', 'Changes of the policy that were refused.', () => sources.reload.rejected);
  counter('argus_audit_records_total', 'Records in the audit log of this directory.', () => audit.head.seq);
  counter('argus_audit_withheld_total', 'Events counted instead of written, past a share of the audit log.', () =>
    audit.shares().reduce((sum, { withheld }) => sum + withheld, 0),
  );
  gauge('argus_audit_healthy', '1 while the audit log can be written; sends stop when it cannot.', () =>
    Number(audit.healthy),
  );

  gauge('argus_memory_bytes', 'What messages hold in the broker.', () => argo.accounts.total - argo.accounts.free);
  gauge('argus_memory_limit_bytes', 'What messages may hold in the broker.', () => argo.accounts.total);
  new Gauge({
    name: 'argus_domain_memory_bytes',
    help: 'What messages hold in the broker, by domain; domains that hold nothing are left out.',
    labelNames: ['domain'],
    registers,
    collect() {
      this.reset();
      for (const { domain, account } of argo.domains())
        if (account.held > 0) this.set({ domain: domain.name }, account.held);
    },
  });
  new Counter({
    name: 'argus_domain_held_back_total',
    help: 'Messages and rings that the share of a domain did not allow.',
    labelNames: ['domain'],
    registers,
    collect() {
      this.reset();
      for (const { domain, account } of argo.domains())
        if (account.heldBack > 0) this.inc({ domain: domain.name }, account.heldBack);
    },
  });
  /** One value for each domain, and one for the strangers. Zeros are omitted. */
  const perSharer = (read: (usage: Usage) => number): [{ domain: string }, number][] =>
    [...[...argo.domains()].map(({ domain }) => domain.name), STRANGERS]
      .map((name): [{ domain: string }, number] => [{ domain: name }, read(usageOf(sources, name))])
      .filter(([, value]) => value > 0);
  const counterPerSharer = (name: string, help: string, read: (usage: Usage) => number): void => {
    new Counter({
      name,
      help,
      labelNames: ['domain'],
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of perSharer(read)) this.inc(labels, value);
      },
    });
  };
  const gaugePerSharer = (name: string, help: string, read: (usage: Usage) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['domain'],
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of perSharer(read)) this.set(labels, value);
      },
    });
  };
  counterPerSharer(
    'argus_domain_work_seconds_total',
    'CPU time of the broker by the prices of its turns, by domain.',
    ({ work }) => work.milliseconds / 1_000,
  );
  counterPerSharer(
    'argus_domain_work_held_back_total',
    'How many times the work of a domain waited for a later turn.',
    ({ work }) => work.heldBack,
  );
  gaugePerSharer(
    'argus_domain_session_memory_bytes',
    'What half-sent records, unread answers and carriers hold, by domain.',
    ({ sessionMemory }) => sessionMemory.held,
  );
  gaugePerSharer('argus_domain_sockets', 'Open carriers, by domain.', ({ sockets }) => sockets);
  new Counter({
    name: 'argus_refused_total',
    help: 'Operations not done, by status word.',
    labelNames: ['status'],
    registers,
    collect() {
      this.reset();
      for (const [status, count] of Object.entries(describeBroker(sources).refused)) this.inc({ status }, count);
    },
  });
  new Counter({
    name: 'argus_handshakes_refused_total',
    help: 'Handshakes refused, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of sessions.refusals) this.inc({ reason }, count);
    },
  });
  return registry;
}
