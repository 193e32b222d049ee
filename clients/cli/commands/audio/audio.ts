/** `argus audio …`: the VM's agent, the AudioVM's service, the mixer, and what scripts that know Qubes expect. */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { reasonOf } from '../../../../broker/base/index.ts';
import { BrokerError, callControl } from '../../../../broker/index.ts';
import {
  AudioEndpoint,
  AudioService,
  CaptureSink,
  checkSampleSpec,
  FRAME_BYTES,
  GuestPulse,
  guestVchans,
  Mixer,
  NODE_CLOCK,
  PlaybackInlet,
  PulseServer,
  playRaw,
  RecordingServer,
  readAudioVm,
  readStatus,
  type ServiceStatus,
  SettingsFile,
  StatusKeys,
  serveMixer,
  serveQubesControl,
  serveStatus,
  VchanBridge,
  VchanServer,
  watchAudioVm,
} from '../../../agents/audio/index.ts';
import { connect, type Vm } from '../../../sdk/index.ts';
import { untilInterrupted, whenInterrupted } from '../../interrupt.ts';
import { PLAIN, printJson } from '../../output.ts';
import { controlOption, controlSocket } from '../../sockets/control.ts';
import { DEFAULT_AUDIO_VM, mixerCommand } from './mixer.ts';

const DEFAULT_STATUS = '/run/argus-audio.sock';
/** The limit of unread bytes for a reader of raw capture. Past it frames are dropped, not kept. */
const UNREAD_BYTES = FRAME_BYTES * 4;

type Ends = (() => Promise<void> | void)[];

interface Session {
  readonly carrier: string;
  readonly identity: string;
}

function withSession(command: Command): Command {
  return command
    .requiredOption(
      '--carrier <spec>',
      'the way to the broker: serial:/dev/virtio-ports/argus.0, unix:/path or tcp:host:port',
    )
    .requiredOption('--identity <dir>', 'identity of this VM (argus keys enrol)');
}

export function audioCommand(): Command {
  return new Command('audio')
    .description('sound between VMs: agent, service, mixer')
    .addCommand(agentCommand())
    .addCommand(serviceCommand())
    .addCommand(statusCommand())
    .addCommand(mixerCommand())
    .addCommand(qubesCommand());
}

interface AgentOptions extends Session {
  readonly audioVm: string;
  readonly audioVmFile?: string;
  readonly mixer?: string;
  readonly playback?: string;
  readonly capture?: string;
  readonly vchan?: string;
  readonly vchanConnect?: string;
  readonly spec: string;
}

function agentCommand(): Command {
  return withSession(new Command('agent'))
    .description('in a VM: send what it plays to the AudioVM, bring it the microphone')
    .option('--audio-vm <name>', 'the AudioVM; "none" = idle until restarted', DEFAULT_AUDIO_VM)
    .option('--playback <file>', 'raw s16le 44100 Hz stereo instead of the sound server: a file, a FIFO or "-"')
    .option('--capture <file>', 'the same for what is heard; listening is asked for as long as the agent runs')
    .option('--spec <format:rate:channels>', 'what the raw samples are; anything else is refused', 's16le:44100:2')
    .option(
      '--audio-vm-file <file>',
      'a file that names the AudioVM; the agent follows its changes, and has no AudioVM while it is absent',
    )
    .option('--mixer <socket>', 'lends this session to "argus audio mixer --socket", in a GuiVM that sounds itself')
    .option('--vchan <dir>', 'sockets vchan-4713.sock and vchan-4714.sock for software that speaks the Qubes protocol')
    .addOption(
      new Option(
        '--vchan-connect <dir>',
        'connects to the vchans vchan.VM.AUDIOVM.4713.sock and .4714.sock, at which Qubes’ guest module listens',
      ).conflicts(['vchan', 'playback', 'capture']),
    )
    .addHelpText(
      'after',
      '\nExample:\n  argus audio agent --carrier unix:/run/argus.sock --identity /etc/argus/identity',
    )
    .action((options: AgentOptions) => untilInterrupted((signal) => runAgent(options, signal)));
}

async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const [format = '', rate, channels] = options.spec.split(':');
  checkSampleSpec({ format, rate: Number(rate), channels: Number(channels) });
  const vm = await connect({ carrier: options.carrier, identity: options.identity, signal });
  const ends: Ends = [() => vm.close()];
  try {
    await playAndHear(vm, options, signal, ends);
  } finally {
    await endAll(ends);
  }
}

/** What is opened is closed by `ends`, also after a failure. */
async function playAndHear(vm: Vm, options: AgentOptions, signal: AbortSignal, ends: Ends): Promise<void> {
  const lost = new Promise<void>((resolve) => vm.on('disconnected', ({ isFinal }) => isFinal && resolve()));
  let hear: (frame: Uint8Array) => void = () => {};
  const named = options.audioVm === 'none' ? null : options.audioVm;
  const audioVm = options.audioVmFile === undefined ? named : await readAudioVm(options.audioVmFile);
  const agent = await AudioEndpoint.start({ vm, audioVm, onCapture: (frame) => hear(frame) });
  ends.push(() => agent.close());
  const bridge = new VchanBridge(() => agent);
  if (options.audioVmFile !== undefined) {
    let moved = Promise.resolve();
    const stop = watchAudioVm(options.audioVmFile, (name) => {
      moved = moved.then(() => agent.moveTo(name)).then(() => bridge.redial());
    });
    ends.push(() => moved, stop);
  }
  if (options.mixer !== undefined) {
    const mixer = await Mixer.start(vm, options.audioVm);
    ends.push(() => mixer.close(), await serveMixer(options.mixer, mixer));
  }
  let input: Readable | null = null;
  if (options.vchan !== undefined || options.vchanConnect !== undefined) {
    ends.push(() => bridge.close());
    hear = bridge.hear;
    if (options.vchan !== undefined) await bridge.listen(options.vchan);
    else bridge.connect(guestVchans(vm, options.vchanConnect ?? '', () => agent.audioVm));
  } else if (options.playback !== undefined || options.capture !== undefined) {
    if (options.playback !== undefined)
      input = options.playback === '-' ? process.stdin : createReadStream(options.playback);
    if (options.capture !== undefined) {
      const output = options.capture === '-' ? process.stdout : createWriteStream(options.capture);
      const sink = new CaptureSink(NODE_CLOCK, (frame) => writeTo(output, frame));
      hear = (frame) => sink.push(frame);
      sink.listen(true);
      ends.push(() => sink.listen(false));
      await agent.listen(true);
    }
  } else {
    const directory = mkdtempSync(join(tmpdir(), 'argus-audio-'));
    const inlet = new PlaybackInlet((frame) => agent.playBurst(frame));
    const pulse = new GuestPulse(directory, (bytes) => inlet.push(bytes));
    ends.push(async () => {
      await pulse.close();
      rmSync(directory, { recursive: true, force: true });
    });
    await pulse.open();
    const sink = new CaptureSink(NODE_CLOCK, (frame) => pulse.capture !== null && writeTo(pulse.capture, frame));
    hear = (frame) => sink.push(frame);
    ends.push(() => sink.listen(false));
    pulse.watchRecording((isRecording) => {
      sink.listen(isRecording);
      void agent.listen(isRecording);
    });
  }
  vm.on('labels', ({ labels, isSelf }) => isSelf && process.stderr.write(`labels: ${labels.join(' ') || 'none'}\n`));
  const played = input === null ? null : playRaw(agent, input);
  // A file ends by itself; a service that also listens, or serves sockets, stays until it is told to end.
  const isOneShot = played !== null && options.playback !== undefined && options.capture === undefined;
  await Promise.race([whenInterrupted(signal), lost, ...(isOneShot ? [played] : [])]);
}

function writeTo(output: Writable, frame: Uint8Array): boolean {
  if (output.writableLength > UNREAD_BYTES) return false;
  output.write(frame);
  return true;
}

interface ServiceOptions extends Session {
  readonly status: string;
  readonly settings?: string;
  readonly keys?: string;
  readonly micLabel: string;
  readonly record?: string;
  readonly vchan?: string;
}

function serviceCommand(): Command {
  return withSession(new Command('service'))
    .description(
      'in the AudioVM: a stream in its sound server for each VM; SIGTERM is refused while there are clients, twice forces it',
    )
    .option('--status <socket>', 'where "argus audio status" asks', DEFAULT_STATUS)
    .option('--settings <file>', 'keeps volumes, mutes and routes')
    .option('--keys <dir>', 'keeps the three keys of Qubes there as files: audio-input, -config and -request')
    .option('--record <dir>', 'where there is no sound server: what each VM plays becomes a WAV file in there')
    .addOption(
      new Option(
        '--vchan <dir>',
        'in place of a sound server: vchans vchan.VM.AUDIOVM.4713.sock and .4714.sock for pacat-simple-vchan',
      ).conflicts('record'),
    )
    .option('--mic-label <label>', 'the grantable label whose owners may hear', '@mic')
    .addHelpText(
      'after',
      '\nExample:\n  argus audio service --carrier unix:/run/argus/audio-vm.sock --identity /etc/argus/identity --settings /var/lib/argus/audio.json',
    )
    .action((options: ServiceOptions) =>
      untilInterrupted((signal, again) => runService(options, signal, again), { times: 2 }),
    );
}

async function runService(options: ServiceOptions, signal: AbortSignal, again: AbortSignal): Promise<void> {
  const file = options.settings === undefined ? null : new SettingsFile(options.settings);
  let settings: Awaited<ReturnType<SettingsFile['load']>> = (await file?.load()) ?? new Map();
  const keys = options.keys === undefined ? null : new StatusKeys(options.keys);
  await keys?.prepare();
  const recording = options.record === undefined ? null : new RecordingServer(options.record);
  const vm = await connect({ carrier: options.carrier, identity: options.identity, signal });
  const ends: Ends = [() => vm.close()];
  const lost = new Promise<void>((resolve) => vm.on('disconnected', ({ isFinal }) => isFinal && resolve()));
  try {
    const vchans = options.vchan === undefined ? null : await vchanServer(options.vchan, vm.domid);
    if (vchans !== null) ends.push(() => vchans.settled());
    const server = recording ?? vchans ?? pulseServer();
    const service = await AudioService.start({
      vm,
      server,
      micLabel: options.micLabel,
      settings,
      onSettings: (changed) => {
        settings = new Map(changed);
        file?.save(settings);
      },
      onStatus: (status) => keys?.show(status),
    });
    ends.push(
      () => service.stop({ force: true }),
      () => keys?.clear(),
      () => file?.close(settings),
      await serveStatus(options.status, () => service.status()),
    );
    await Promise.race([lost, stopUnlessUsed(service, signal, again)]);
  } finally {
    await endAll(ends);
  }
}

function pulseServer(): PulseServer {
  const server = new PulseServer(process.env, undefined, (address) => {
    process.stderr.write(
      `argus: no sound server answers at ${address}, so no VM is heard; start one, or name it with PULSE_SERVER\n`,
    );
  });
  server.probe();
  return server;
}

async function vchanServer(directory: string, client: number): Promise<VchanServer> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const onFault = (vm: string, error: unknown): void =>
    void process.stderr.write(`argus: vchans of ${vm}: ${reasonOf(error)}\n`);
  return new VchanServer({ directory, client, onFault });
}

/** The first signal is refused while VMs would lose their sound; the second is meant. */
async function stopUnlessUsed(service: AudioService, signal: AbortSignal, again: AbortSignal): Promise<void> {
  await whenInterrupted(signal);
  if (service.clients.length === 0) return;
  process.stderr.write(`argus: ${service.clients.join(', ')} would lose their sound; once more forces it\n`);
  await whenInterrupted(again);
}

function statusCommand(): Command {
  return new Command('status')
    .description('in the AudioVM: who plays, who asks for the microphone, who may hear it and who does')
    .option('--status <socket>', 'of the service', DEFAULT_STATUS)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus audio status --json')
    .action(async ({ status, json }: { status: string; json?: boolean }) => {
      const found = await readStatus(status);
      if (json === true) printJson(found);
      else process.stdout.write(renderStatus(found));
    });
}

function renderStatus({ domain, revision, vms }: ServiceStatus): string {
  const table = new Table({
    head: ['vm', 'plays', 'volume', 'asked', 'granted', 'hears', 'latency', 'dropped bytes', 'gaps'],
    style: PLAIN,
  });
  const word = (is: boolean): string => (is ? 'yes' : 'no');
  for (const { vm, playback, playing, volume, muted, asked, granted, actual, played, timing } of vms) {
    const level = muted ? 'muted' : `${volume} %`;
    table.push([
      vm,
      playing ? playback : 'no',
      level,
      word(asked),
      word(granted),
      word(actual),
      playing ? `${Math.round(timing.latencyMs)} ms` : '-',
      played.dropped,
      played.underruns,
    ]);
  }
  const shown = vms.length === 0 ? 'no VM has sound now' : table.toString();
  return `${domain}, policy revision ${revision}\n${shown}\n`;
}

interface QubesOptions {
  readonly control?: string;
  readonly directory: string;
  readonly label: string;
}

function qubesCommand(): Command {
  return new Command('qubes-control')
    .description('on the broker’s host: sockets audio-control.VM that take "audio-input 0|1" as revoke and grant')
    .argument('<vms...>', 'domains to serve')
    .addOption(controlOption())
    .option('--directory <dir>', 'of the sockets', '/run/qubes')
    .option('--label <label>', 'what is granted', '@mic')
    .addHelpText('after', '\nExample:\n  argus audio qubes-control chrome-vm mail-vm')
    .action((vms: string[], options: QubesOptions) => untilInterrupted((signal) => runQubes(vms, options, signal)));
}

async function runQubes(
  vms: readonly string[],
  { control: given, directory, label }: QubesOptions,
  signal: AbortSignal,
): Promise<void> {
  const control = controlSocket(given);
  const close = await serveQubesControl({
    directory,
    vms,
    setAllowed: async (domain, isAllowed) => {
      const path = isAllowed ? '/v1/grants' : '/v1/grants/revoke';
      const { ok, body } = await callControl(control, 'POST', path, {
        domain,
        label,
        by: 'audio-control',
        reason: '',
      });
      if (!ok)
        throw new BrokerError('ERR_BROKER_GRANT', (body as { message?: string }).message ?? 'the grant was refused');
    },
    onFault: (vm, what) => void process.stderr.write(`argus: audio-control.${vm}: ${what.replace(/\p{Cc}/gu, '?')}\n`),
  });
  await whenInterrupted(signal);
  await close();
}

/** Backwards, as it was built. */
async function endAll(ends: Ends): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
