/** What the commands make of keys, durations and tables, without a terminal or a broker. */
import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../broker/index.ts';
import type { MixerEntry } from '../../../clients/agents/audio/index.ts';
import {
  decodeCommand,
  decodeState,
  encodeCommand,
  encodeState,
  StateFlag,
} from '../../../clients/agents/audio/mixer/mixer-messages.ts';
import { checkRoute, parseSettings } from '../../../clients/agents/audio/mixer/mixer-state.ts';
import { drawMixer, keyAction, renderMixer } from '../../../clients/cli/commands/audio/mixer-view.ts';
import { parseMilliseconds, parseSeconds, parseTimeout } from '../../../clients/cli/durations.ts';
import type { Domain } from '../../../policy/index.ts';

const commands = suite('audio commands');

const ENTRY: MixerEntry = {
  domid: 101,
  name: 'chrome-vm',
  volume: 148,
  isMuted: false,
  route: null,
  flags: StateFlag.present,
};
const codeOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

commands('durations: a number and one of ms, s, m, h, d, w, for every option alike', () => {
  const times = ['500ms', '90s', '10m', '2h', '1d', '1w'];
  assert.equal(times.map(parseMilliseconds), [500, 90_000, 600_000, 7_200_000, 86_400_000, 604_800_000]);
  assert.is(parseSeconds('90d'), 7_776_000);
  assert.is(parseTimeout('24d'), 24 * 86_400_000);
  for (const bad of ['', '10', 'm', '0s', '-1m', '1.5h', '10 m', '10min', '1y', '9999999999s'])
    assert.is(
      codeOf(() => parseMilliseconds(bad)),
      'commander.invalidArgument',
      bad,
    );
  for (const refused of [() => parseSeconds('1500ms'), () => parseTimeout('25d')])
    assert.is(codeOf(refused), 'commander.invalidArgument');
});

commands('keys: up to 150 %, down to 0, mute and back, another VM, quit', () => {
  for (const [key, entry, expected] of [
    ['right', ENTRY, { kind: 'volume', percent: 150 }],
    ['left', { ...ENTRY, volume: 3 }, { kind: 'volume', percent: 0 }],
    ['h', ENTRY, { kind: 'volume', percent: 143 }],
    ['m', ENTRY, { kind: 'mute', isMuted: true }],
    ['m', { ...ENTRY, isMuted: true }, { kind: 'mute', isMuted: false }],
    ['down', ENTRY, { kind: 'select', by: 1 }],
    ['up', undefined, { kind: 'select', by: -1 }],
    ['q', undefined, { kind: 'quit' }],
    ['escape', ENTRY, { kind: 'quit' }],
    ['c', ENTRY, null],
    ['m', undefined, null],
    [undefined, ENTRY, null],
  ] as const)
    assert.equal(keyAction({ ...(key === undefined ? {} : { name: key }) }, entry), expected, key);
  assert.equal(keyAction({ name: 'c', ctrl: true }, ENTRY), { kind: 'quit' });
});

commands('the view fits its screen, whatever that is, and shows who is selected', () => {
  const entries = Array.from({ length: 30 }, (_, index) => ({ ...ENTRY, name: `vm-${index}`, route: 'r'.repeat(128) }));
  for (const columns of [1, 20, 60, 80, 200]) {
    for (const rows of [1, 2, 5, 24, 60]) {
      const lines = drawMixer(entries, 'vm-29', { columns, rows }, 'x'.repeat(300));
      const plain = lines.map((line) => stripVTControlCharacters(line));
      assert.ok(lines.length <= rows && plain.every((line) => line.length <= columns), `${columns} x ${rows}`);
      if (rows >= 5 && columns >= 20) assert.ok(plain.some((line) => line.startsWith(' vm-29')));
    }
  }
  assert.match(drawMixer([], null, { columns: 80, rows: 24 }, '').join('\n'), /no VM has sound now/);
});

commands('the table shows who hears, who may and who asks', () => {
  const { capturing, asked, granted } = StateFlag;
  const shown = (flags: number): string => renderMixer([{ ...ENTRY, flags }]);
  assert.match(shown(capturing | asked | granted), /HEARS/);
  assert.match(shown(asked), /asked/);
  assert.not.match(shown(asked), /granted/);
  assert.match(renderMixer([]), /no VM has sound/);
});

commands('mixer messages come back as they went, and the broker reads their permission', () => {
  const inspector = INSPECTORS.get('audio-mixer');
  const permission = (bytes: Uint8Array): string | undefined => {
    const padded = Buffer.concat([Buffer.alloc(3, 255), bytes, Buffer.alloc(3, 255)]);
    return inspector?.permissions[inspector.inspect(padded, 3, 3 + bytes.length, {} as Domain)];
  };
  for (const [command, expected] of [
    [{ kind: 'read' }, 'read'],
    [{ kind: 'set-volume', domid: 101, percent: 150 }, 'set-volume'],
    [{ kind: 'mute', domid: 101, isMuted: true }, 'mute'],
    [{ kind: 'set-route', domid: 101, route: 'alsa_output.pci-0000_00_1f.3.analog-stereo' }, 'set-route'],
    [{ kind: 'set-route', domid: 101, route: null }, 'set-route'],
  ] as const) {
    const bytes = encodeCommand(command);
    assert.equal(decodeCommand(bytes), command);
    assert.is(permission(bytes), expected);
    for (let length = 0; length < bytes.length; length++) {
      assert.is(permission(bytes.subarray(0, length)), undefined);
      assert.is(decodeCommand(bytes.subarray(0, length)), null);
    }
    assert.is(permission(Buffer.concat([bytes, Buffer.of(65)])), undefined);
  }
  const state = encodeState({ ...ENTRY, route: 'headset' });
  assert.equal(decodeState(state), { ...ENTRY, route: 'headset' });
  assert.is(permission(state), 'state');
  for (let length = 0; length < state.length; length++) assert.is(permission(state.subarray(0, length)), undefined);
});

commands('10 ms of sound are no mixer message, whatever word they begin with', () => {
  const inspector = INSPECTORS.get('audio-mixer');
  for (let word = 0; word < 8; word++) {
    const samples = new Uint8Array(1_764).fill(9);
    samples.set([word, 0, 0, 0]);
    assert.is(inspector?.inspect(samples, 0, samples.length, {} as Domain), -1);
  }
});

commands('saved settings are checked, not believed', () => {
  const saved = parseSettings('{"chrome-vm": {"volume": 50, "isMuted": true, "route": "headset"}}');
  assert.equal(saved.get('chrome-vm'), { volume: 50, isMuted: true, route: 'headset' });
  for (const [text, code] of [
    ['{', 'ERR_AUDIO_STATE'],
    ['{"a": {"volume": 1000}}', 'ERR_AUDIO_VOLUME'],
    ['{"a": {"route": "--device=x"}}', 'ERR_AUDIO_ROUTE'],
  ] as const)
    assert.is(
      codeOf(() => parseSettings(text)),
      code,
    );
  assert.is(
    codeOf(() => checkRoute('x'.repeat(200))),
    'ERR_AUDIO_ROUTE',
  );
});

commands.run();
