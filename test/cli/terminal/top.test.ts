/** The screen of `argus top`: what it shows, in terminals large and small, and its keys. */
import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerStatus, GrantStatus } from '../../../broker/index.ts';
import { TopModel } from '../../../clients/cli/commands/top/model.ts';
import { drawTop, FIRST_STATE, keyAction, PANELS, type TopState } from '../../../clients/cli/commands/top/view.ts';

const top = suite('argus top');

const NOW = Date.parse('2026-11-28T12:00:00Z');

function statusOf(names: readonly string[], seconds: number, more: object = {}): BrokerStatus {
  return {
    broker: 'argus',
    uptimeSeconds: 3_600,
    policy: { revision: 12, refusal: null, permissive: [] },
    audit: { healthy: true, directory: '/log' },
    keys: { isStale: false, incidents: [] },
    messages: 100 * seconds,
    bytes: 2_048 * seconds,
    refused: { EACCES: 3 * seconds },
    domains: names.map((name, domid) => ({
      name,
      domid,
      labels: ['@app'],
      session: 's1',
      carrier: 'unix',
      suite: 'A256GCM',
      memory: { held: 4_096, share: 1_048_576, heldBack: 0 },
      work: { milliseconds: 50 * seconds, heldBack: 0 },
      log: { left: null, withheld: 0 },
      rings: [{ port: 70, partner: 'any', length: 4_096, used: 96 }],
    })),
    ...more,
  } as unknown as BrokerStatus;
}

const GRANT: GrantStatus = {
  domain: 'chrome-vm',
  label: '@mic',
  by: 'alice\u001b[2J',
  reason: 'call',
  grantedAt: '',
  expiresAt: new Date(NOW + 90_000).toISOString(),
  keep: false,
};

function modelOf(names: readonly string[], grants: readonly GrantStatus[] = [], more: object = {}): TopModel {
  const model = new TopModel();
  model.read({ at: 0, status: statusOf(names, 0, more), grants });
  model.read({ at: 2_000, status: statusOf(names, 2, more), grants });
  return model;
}

const record = (model: TopModel, seq: number, event: string, fields: object): void =>
  model.record(seq, event, {
    time: '2026-11-28T11:59:01.000Z',
    src: { domain: 'chrome-vm' },
    dst: { domain: 'mail-vm' },
    class: 'data',
    permission: 'send',
    ...fields,
  });

const screenOf = (model: TopModel, state: Partial<TopState>, columns = 80, rows = 24): string[] =>
  drawTop(model, { ...FIRST_STATE, ...state }, NOW, { columns, rows });
const textOf = (lines: readonly string[]): string => lines.map(stripVTControlCharacters).join('\n');

top('rates are those of the last two readings', () => {
  const text = textOf(screenOf(modelOf(['chrome-vm']), {}));
  assert.match(text, 'argus ok  rev 12  100 msg/s  2.0 KiB/s  3 refused/s  up 60 min');
  assert.match(text, 'chrome-vm  online  cpu   50 ms/s');
});

top('no line is wider and no screen higher than the terminal, however small and however many domains', () => {
  const names = Array.from({ length: 40 }, (_, index) => `vm-${index}`);
  const model = modelOf(names, [GRANT]);
  record(model, 1, 'flow', { messages: 5, bytes: 500 });
  record(model, 2, 'send.denied', { decision: 'deny', reason: 'NO_RULE' });
  for (const [columns, rows] of [
    [80, 24],
    [20, 5],
    [1, 1],
    [200, 60],
  ] as const) {
    for (const panel of PANELS) {
      for (const mode of ['list', 'look', 'revoke'] as const) {
        for (const selected of [0, 39]) {
          const lines = screenOf(model, { panel, mode, selected }, columns, rows);
          assert.ok(lines.length <= rows, `${lines.length} lines at ${rows}`);
          for (const line of lines) assert.ok(stripVTControlCharacters(line).length <= columns, line);
        }
      }
    }
  }
});

top('the selected line stays in sight', () => {
  const names = Array.from({ length: 40 }, (_, index) => `vm-${index}`);
  for (const rows of [24, 5]) assert.match(textOf(screenOf(modelOf(names), { selected: 33 }, 80, rows)), 'vm-33 ');
});

top('flows are summed, denials counted, grants show the time that is left and no control characters', () => {
  const model = modelOf(['chrome-vm'], [GRANT]);
  record(model, 1, 'flow', { messages: 5, bytes: 500 });
  record(model, 2, 'flow', { messages: 5, bytes: 600 });
  for (const seq of [3, 4]) record(model, seq, 'send.denied', { decision: 'deny', reason: 'NO_RULE', count: 2 });
  model.record(5, 'policy.load', {});
  assert.match(textOf(screenOf(model, { panel: 'flows' })), 'chrome-vm -> mail-vm data:send  10 messages, 1.1 KiB');
  assert.match(textOf(screenOf(model, { panel: 'denials' })), '11:59:01 chrome-vm -> mail-vm data:send  NO_RULE x4');
  const grants = screenOf(model, { panel: 'grants' });
  assert.match(textOf(grants), 'chrome-vm @mic  90 s  by alice?[2J: call');
  assert.not.ok(grants.some((line) => line.includes('\u001b[2J')));
});

top('what an operator must look at stands in the first line', () => {
  const broken = {
    audit: { healthy: false },
    policy: { revision: 1, refusal: {}, permissive: ['mail-vm'] },
    keys: { isStale: true, incidents: [1] },
  };
  const [first = ''] = screenOf(modelOf([], [], broken), {}, 200);
  assert.match(
    first,
    'LOG FAILED: SENDS STOPPED, PERMISSIVE: mail-vm, POLICY ON DISK REFUSED, KEYS STALE, 1 KEY INCIDENTS',
  );
});

top('a message of a class with auditallow is counted once: its flow counts it too', () => {
  const model = modelOf(['chrome-vm']);
  for (const seq of [1, 2, 3]) record(model, seq, 'send.allowed', { decision: 'allow', bytes: 100 });
  record(model, 4, 'flow', { messages: 3, bytes: 300 });
  assert.match(textOf(screenOf(model, { panel: 'flows' })), 'chrome-vm -> mail-vm data:send  3 messages, 300 B');
});

top('a flow has a rate from its records of two moments on, and 0 when it has stopped', () => {
  const model = modelOf(['chrome-vm']);
  const [what, at] = ['chrome-vm -> mail-vm data:send', (seconds: number) => ({ mono: seconds * 1_000 })];
  const shown = () => textOf(screenOf(model, { panel: 'flows' }));
  record(model, 1, 'flow', { ...at(10), messages: 500 });
  assert.match(shown(), `${what}  500 messages`);
  // Two ports, so two records of one moment.
  for (const seq of [2, 3]) record(model, seq, 'flow', { ...at(20), messages: 100 });
  assert.match(shown(), `${what}  20 msg/s, 700 messages`);
  record(model, 4, 'flow', { ...at(45), messages: 125 });
  assert.match(shown(), `${what}  5.0 msg/s, 825 messages`, 'the last half minute counts');
  model.read({ at: 30_000, status: statusOf(['chrome-vm'], 30), grants: [] });
  assert.match(shown(), `${what}  0.0 msg/s`);
  record(model, 5, 'flow', { ...at(1), messages: 7 });
  assert.match(shown(), `${what}  832 messages`, 'the broker has started again');
});

top('keys go through panels and lines, look at a domain, and take a grant back only after y', () => {
  const model = modelOf(['a-vm', 'b-vm'], [GRANT]);
  let state: TopState = FIRST_STATE;
  const press = (name: string, ctrl = false): string => {
    const action = keyAction(model, state, { name, ctrl });
    if (action !== null && action.kind !== 'quit') state = action.state;
    return action?.kind ?? 'nothing';
  };
  assert.is(press('r'), 'nothing');
  press('down');
  press('down');
  assert.is(state.selected, 1);
  press('return');
  assert.match(textOf(screenOf(model, state)), 'b-vm  domid 1  @app');
  press('escape');
  for (const panel of ['flows', 'denials', 'grants'] as const) {
    press('tab');
    assert.equal([state.panel, state.selected], [panel, 0]);
  }
  press('r');
  assert.match(textOf(screenOf(model, state)), 'take back @mic of chrome-vm? y/n');
  assert.is(press('n'), 'state');
  assert.is(state.mode, 'list');
  press('r');
  assert.is(press('q'), 'state', 'while it asks, q is an answer');
  press('r');
  assert.is(press('y'), 'revoke');
  assert.is(press('q'), 'quit');
  assert.is(press('c', true), 'quit');
});

top.run();
