/** WAV files in, samples out; whatever is not 44.1 kHz S16LE stereo PCM is refused with what was found. */
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recordingPcm } from '../../clients/demo/audio/recording.ts';
import { parseWav, SAMPLE_RATE_HZ, writeWav } from '../../clients/demo/audio/wav.ts';
import { DemoError } from '../../clients/demo/errors.ts';
import { fuzzUntil } from '../support/seed.ts';

const PCM = Uint8Array.from({ length: 40 }, (_, index) => index + 1);
const PCM_GUID = [1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
const FLOAT_GUID = [3, ...PCM_GUID.slice(1)];

const u16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const tag = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));

function chunk(id: string, content: Iterable<number>, size?: number): number[] {
  const bytes = [...content];
  return [...tag(id), ...u32(size ?? bytes.length), ...bytes, ...(bytes.length % 2 === 1 ? [0] : [])];
}

interface Format {
  code?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  frameBytes?: number;
  bytesPerSecond?: number;
  rest?: readonly number[];
}

function format(change: Format = {}): number[] {
  const { code = 1, channels = 2, rate = 44_100, bits = 16, rest = [] } = change;
  const { frameBytes = (channels * bits) / 8, bytesPerSecond = rate * frameBytes } = change;
  const content = [
    ...u16(code),
    ...u16(channels),
    ...u32(rate),
    ...u32(bytesPerSecond),
    ...u16(frameBytes),
    ...u16(bits),
  ];
  return chunk('fmt ', [...content, ...rest]);
}

const extensible = (guid: readonly number[], validBits = 16): number[] =>
  format({ code: 0xfffe, rest: [...u16(22), ...u16(validBits), ...u32(3), ...guid] });

function riff(chunks: readonly (readonly number[])[], size?: number, form = 'WAVE'): Uint8Array {
  const body = chunks.flat();
  return Uint8Array.from([...tag('RIFF'), ...u32(size ?? body.length + 4), ...tag(form), ...body]);
}

const DATA = chunk('data', PCM);
const wav = suite('wav');

wav('what is written is read back, and its header is the plain one of 44 bytes', () => {
  const file = writeWav(PCM);
  assert.is(file.length, 44 + PCM.length);
  assert.equal(file, riff([format(), DATA]));
  assert.equal(parseWav(file).pcm, PCM);
});

wav('only whole frames are written', () => {
  assert.throws(() => writeWav(PCM.subarray(0, 6)), /multiple of 4/);
});

wav('the file may be a view into a larger buffer', () => {
  const larger = new Uint8Array(200);
  larger.set(writeWav(PCM), 13);
  assert.equal(parseWav(larger.subarray(13, 13 + 44 + PCM.length)).pcm, PCM);
});

const ACCEPTED: readonly (readonly [label: string, file: Uint8Array, pcm: Uint8Array])[] = [
  [
    'chunks before the samples are passed over',
    riff([chunk('LIST', tag('INFO')), format(), chunk('fact', u32(9)), DATA]),
    PCM,
  ],
  ['an odd chunk is followed by a pad byte', riff([format(), chunk('note', [1, 2, 3]), DATA]), PCM],
  ['chunks after the samples are not read', riff([format(), DATA, chunk('LIST', [1], 999)]), PCM],
  ['a format chunk with an extension of no bytes', riff([format({ rest: u16(0) }), DATA]), PCM],
  ['the extensible format, when it is PCM', riff([extensible(PCM_GUID), DATA]), PCM],
  ['a stream: both sizes 0xFFFFFFFF', riff([format(), chunk('data', PCM, 0xffffffff)], 0xffffffff), PCM],
  ['a stream: both sizes 0', riff([format(), chunk('data', PCM, 0)], 0), PCM],
  ['a stream: the header was never filled in', riff([format(), chunk('data', PCM, 0)], 36), PCM],
  [
    'a stream that stopped inside a frame ends with the last whole one',
    riff([format(), chunk('data', PCM.subarray(0, 38), 0xffffffff)], 0xffffffff),
    PCM.subarray(0, 36),
  ],
  // Public reports of such files: kaldi 1567, WayfireWM 2210.
  ['a stream of sox into a pipe', riff([format(), chunk('data', PCM, 0x7ffff000)], 0x7ffff024), PCM],
  ['a stream of arecord into a pipe', riff([format(), chunk('data', PCM, 0x80000000)], 0x80000024), PCM],
  ['a recording that was cut off', riff([format(), DATA]).subarray(0, 60), PCM.subarray(0, 16)],
  ['an odd chunk without its pad byte', riff([format(), chunk('LIST', [1, 2, 3]).slice(0, 11), DATA]), PCM],
  ['the extensible format with 0 valid bits: not said', riff([extensible(PCM_GUID, 0), DATA]), PCM],
  ['a wrong RIFF size is no reason to refuse samples that are there', riff([format(), DATA], 5_000), PCM],
];

for (const [label, file, pcm] of ACCEPTED) wav(`accepted: ${label}`, () => assert.equal(parseWav(file).pcm, pcm));

const REFUSED: readonly (readonly [label: string, file: Uint8Array, code: string, message: string])[] = [
  ['empty', new Uint8Array(0), 'NOT_RIFF', 'found ""'],
  ['another format', Uint8Array.from([...tag('OggS'), ...u32(1), ...u32(2)]), 'NOT_RIFF', 'found "OggS"'],
  ['big-endian RIFF', Uint8Array.from([...tag('RIFX'), ...u32(4), ...tag('WAVE')]), 'NOT_RIFF', 'found "RIFX"'],
  ['unprintable', Uint8Array.from([0x1b, 0x5b, 0x32, 0x4a]), 'NOT_RIFF', 'found "?[2J"'],
  ['another RIFF form', riff([], 4, 'AVI '), 'NOT_WAVE', 'found "AVI "'],
  ['cut in the RIFF header', riff([]).subarray(0, 10), 'TRUNCATED', 'at least 12 bytes, found 10'],
  ['cut in a chunk header', riff([format(), DATA]).subarray(0, 40), 'TRUNCATED', 'at least 44 bytes, found 40'],
  ['cut in the format', riff([format()]).subarray(0, 30), 'TRUNCATED', 'at least 36 bytes, found 30'],
  [
    'samples beyond a form that ends in the file',
    riff([format(), chunk('data', PCM, 64)]),
    'TRUNCATED',
    'at least 108 bytes',
  ],
  ['no chunks', riff([]), 'MALFORMED', 'no "fmt " chunk'],
  ['samples before the format', riff([DATA, format()]), 'MALFORMED', 'before the "fmt " chunk'],
  ['two formats', riff([format(), format(), DATA]), 'MALFORMED', 'two "fmt " chunks'],
  ['a short format', riff([chunk('fmt ', new Uint8Array(14)), DATA]), 'MALFORMED', '14 bytes, expected at least 16'],
  [
    'a short extensible format',
    riff([format({ code: 0xfffe, rest: u16(0) }), DATA]),
    'MALFORMED',
    '18 bytes, expected 40',
  ],
  ['a contradictory frame size', riff([format({ frameBytes: 8 }), DATA]), 'MALFORMED', '8 bytes a frame'],
  ['a contradictory data rate', riff([format({ bytesPerSecond: 1 }), DATA]), 'MALFORMED', '1 bytes a second'],
  ['part of a frame', riff([format(), chunk('data', PCM.subarray(0, 10))]), 'MALFORMED', '10 bytes of samples'],
  [
    'float',
    riff([format({ code: 3, bits: 32 }), DATA]),
    'NOT_PCM',
    'holds IEEE float, expected PCM; convert it with: ffmpeg',
  ],
  ['mu-law', riff([format({ code: 7, bits: 8 }), DATA]), 'NOT_PCM', 'holds mu-law'],
  ['an unknown format', riff([format({ code: 0x1234 }), DATA]), 'NOT_PCM', 'holds format 0x1234'],
  ['extensible float', riff([extensible(FLOAT_GUID), DATA]), 'NOT_PCM', 'holds IEEE float'],
  ['extensible, not of the wave family', riff([extensible([...PCM_GUID.slice(0, 15), 0]), DATA]), 'NOT_PCM', '0xfffe'],
  [
    '48 kHz',
    riff([format({ rate: 48_000 }), DATA]),
    'RATE',
    'has 48000 Hz, expected 44100 Hz; convert it with: ffmpeg',
  ],
  ['mono', riff([format({ channels: 1 }), DATA]), 'CHANNELS', 'has 1 channel, expected 2; convert it with'],
  ['six channels', riff([format({ channels: 6 }), DATA]), 'CHANNELS', 'has 6 channels, expected 2'],
  ['24 bits', riff([format({ bits: 24 }), DATA]), 'BITS', 'samples of 24 bits, expected 16; convert it with'],
  ['12 valid bits in 16', riff([extensible(PCM_GUID, 12), DATA]), 'BITS', '12 valid bits'],
  ['no data chunk', riff([format()]), 'NO_SAMPLES', 'no "data" chunk'],
  ['an empty data chunk', riff([format(), chunk('data', []), chunk('LIST', u32(1))]), 'NO_SAMPLES', 'no samples'],
  ['a stream that stopped at once', riff([format(), chunk('data', [1, 2], 0)], 0), 'NO_SAMPLES', 'no samples'],
];

for (const [label, file, code, message] of REFUSED) {
  wav(`refused: ${label}`, () => {
    const error = refusal(file);
    assert.is(error.code, `ERR_DEMO_WAV_${code}`);
    assert.ok(error.message.startsWith('"input.wav" '), error.message);
    assert.ok(error.message.includes(message), error.message);
  });
}

wav('the command that converts quotes a name that the shell would read otherwise', () => {
  const file = riff([format({ rate: 8_000 }), DATA]);
  assert.match(refusal(file, "it's; rm.wav").message, `ffmpeg -i 'it'\\''s; rm.wav' -ar 44100 -ac 2`);
  assert.match(refusal(file, 'a/b.wav').message, 'sox a/b.wav -r 44100 -c 2 -b 16');
});

wav('damaged files are refused with a code or read as whole frames, never anything else', async () => {
  const seeds = [...ACCEPTED, ...REFUSED].map(([, file]) => file);
  await fuzzUntil((random) => {
    const file = random.mutate(random.pick(seeds));
    try {
      const { pcm } = parseWav(file);
      assert.ok(pcm.length > 0 && pcm.length % 4 === 0 && pcm.length < file.length);
    } catch (error) {
      if (!(error instanceof DemoError)) throw error;
    }
  }, 0.5);
});

wav('the recording has the same samples on every machine, about six seconds of them', () => {
  const pcm = recordingPcm();
  assert.is(
    createHash('sha256').update(pcm).digest('hex'),
    'a36988e02c74e88f531a86610613641063081099f63c1ab77f8ca7d946bc6f1b',
  );
  assert.ok(pcm.length / 4 / SAMPLE_RATE_HZ > 5);
});

wav('no two frames of 10 ms of the recording are alike', () => {
  const pcm = Buffer.from(recordingPcm());
  const frames = new Set<string>();
  for (let at = 0; at < pcm.length; at += 1_764) frames.add(pcm.toString('latin1', at, at + 1_764));
  assert.is(frames.size, pcm.length / 1_764);
});

function refusal(file: Uint8Array, name?: string): DemoError {
  try {
    parseWav(file, name);
  } catch (error) {
    if (error instanceof DemoError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

wav.run();
