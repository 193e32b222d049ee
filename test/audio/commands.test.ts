/** What the commands make of keys, durations and tables, without a terminal or a broker. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../broker/index.ts';
import type { MixerEntry } from '../../clients/audio/index.ts';
import {
  decodeCommand,
  decodeState,
  encodeCommand,
  encodeState,
  StateFlag,
} from '../../clients/audio/mixer-messages.ts';
import { checkRoute, parseSettings } from '../../clients/audio/mixer-state.ts';
import { keyAction, renderMixer } from '../../clients/cli/commands/audio-mixer-view.ts';
import { parseDuration } from '../../clients/cli/commands/grants.ts';
import type { Domain } from '../../policy/index.ts';

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

commands('durations: a number and one of s, m, h, d', () => {
  assert.equal(['90s', '10m', '2h', '1d'].map(parseDuration), [90_000, 600_000, 7_200_000, 86_400_000]);
  for (const bad of ['', '10', 'm', '0s', '-1m', '1.5h', '10 m', '10min', '1w'])
    assert.is(
      codeOf(() => parseDuration(bad)),
      'commander.invalidArgument',
      bad,
    );
});

commands('keys: up to 150 %, down to 0, mute and back, quit', async () => {
  const calls: string[] = [];
  const mixer = {
    setVolume: async (vm: string, percent: number) => void calls.push(`${vm} ${percent}`),
    setMuted: async (vm: string, isMuted: boolean) => void calls.push(`${vm} ${isMuted}`),
  };
  const press = async (name: string, entry: MixerEntry | undefined): Promise<unknown> => {
    const action = keyAction({ name }, entry);
    return typeof action === 'function' ? action(mixer as never) : action;
  };
  await press('right', ENTRY);
  await press('left', { ...ENTRY, volume: 3 });
  await press('m', ENTRY);
  await press('m', { ...ENTRY, isMuted: true });
  assert.equal(calls, ['chrome-vm 150', 'chrome-vm 0', 'chrome-vm true', 'chrome-vm false']);
  assert.equal(
    [await press('q', undefined), await press('x', ENTRY), await press('m', undefined)],
    ['quit', null, null],
  );
  assert.is(keyAction({ name: 'c', ctrl: true }, ENTRY), 'quit');
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
