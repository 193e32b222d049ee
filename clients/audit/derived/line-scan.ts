/**
 * Reads a line of the log into the columns of the index, byte by byte, without making an object of it. Pure.
 *
 * It knows one form: the keys in the order in which a broker writes them, texts without escapes, no `detail`. At the
 * first other byte it gives up, and the line is parsed as for any other question (row-batch.ts). A test holds the two to
 * the same columns.
 */
import { bodyEnd, nodeSha256, type Sha256 } from '../../../broker/audit/index.ts';
import type { Dictionary } from './dictionary.ts';
import { HASH_START, nextHash, TextTable } from './text-table.ts';

/** The columns that are filled. Each has one value for each row. */
export interface ScannedColumns {
  number(name: string): Float64Array;
  text(name: string): Int32Array;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const LAST_ASCII = 0x7e;
/** Such a number is exact, and has no other form in JSON. */
const MAX_DIGITS = 15;
/** `2026-11-20T12:00:` and `2026-11-20T12:00:00.000Z`. */
const MINUTE_LENGTH = 17;
const TIME_LENGTH = 24;
const HOUR_AT = 11;
const NOWHERE = -1;

type Kind = 'number' | 'fraction' | 'text' | 'time' | 'rule' | 'party' | 'true';

interface Field {
  readonly kind: Kind;
  /** With the separator before it and the colon after it. */
  readonly key: Uint8Array;
  readonly isOptional: boolean;
  readonly number: Float64Array;
  readonly text: Int32Array;
  /** Absent: this. */
  readonly none: number;
}

/** In the order of a record. The name of a column; null: the index does not have it. */
const FORM: readonly (readonly [key: string, kind: Kind, column: string | null, isOptional: boolean, none?: number])[] =
  [
    ['seq', 'number', 'seq', false],
    ['time', 'time', null, false],
    ['mono', 'fraction', null, false],
    ['boot', 'text', 'boot', false],
    ['broker', 'text', 'broker', false],
    ['event', 'text', 'event', false],
    ['code', 'text', 'code', true],
    ['decision', 'text', 'decision', true],
    ['reason', 'text', 'reason', true],
    ['rule', 'rule', 'rule', true],
    ['src', 'party', 'src', true],
    ['dst', 'party', 'dst', true],
    ['port', 'number', 'port', true],
    ['class', 'text', 'class', true],
    ['permission', 'text', 'permission', true],
    ['messages', 'number', 'messages', true],
    ['bytes', 'number', 'bytes', true],
    ['ringBytes', 'number', 'ring_bytes', true],
    ['revision', 'number', 'revision', true],
    ['policy', 'text', 'policy', true],
    ['session', 'text', 'session', true],
    ['permissive', 'true', 'permissive', true, 0],
    ['count', 'number', 'count', true, 1],
  ];

const encoder = new TextEncoder();
const TRUE = encoder.encode('true');
const RULE_FILE = encoder.encode('{"file":"');
const RULE_LINE = encoder.encode('","line":');
const PARTY_DOMAIN = encoder.encode('{"domain":"');
const PARTY_DOMID = encoder.encode('","domid":');
const PARTY_LABELS = encoder.encode(',"labels":');

export class LineScan {
  readonly #dictionary: Dictionary;
  readonly #sha256: Sha256;
  readonly #fields: readonly Field[];
  readonly #labels: { readonly src: Int32Array; readonly dst: Int32Array };
  readonly #time: Float64Array;
  readonly #hour: Float64Array;
  readonly #oddTime: Int32Array;
  readonly #fault: Int32Array;
  readonly #texts = new TextTable();
  readonly #rules = new TextTable();
  /** Reads a time; null: not as a broker writes it. */
  readonly #millisecondsOf: (text: string) => number | null;
  readonly #minute = new Uint8Array(MINUTE_LENGTH);
  #minuteMs = 0;
  #minuteHour = 0;
  /** Of the text or number that was read last. */
  #hash = 0;
  #value = 0;

  constructor(
    columns: ScannedColumns,
    dictionary: Dictionary,
    millisecondsOf: (text: string) => number | null,
    sha256: Sha256 = nodeSha256,
  ) {
    this.#dictionary = dictionary;
    this.#sha256 = sha256;
    this.#millisecondsOf = millisecondsOf;
    const [noNumbers, noTexts] = [new Float64Array(0), new Int32Array(0)];
    this.#fields = FORM.map(([key, kind, column, isOptional, none], at) => {
      const isText = kind === 'text' || kind === 'rule' || kind === 'party';
      return {
        kind,
        key: encoder.encode(`${at === 0 ? '{' : ','}"${key}":`),
        isOptional,
        number: isText || column === null ? noNumbers : columns.number(column),
        text: isText && column !== null ? columns.text(column) : noTexts,
        none: none ?? (isText ? 0 : Number.NaN),
      };
    });
    this.#labels = { src: columns.text('src_labels'), dst: columns.text('dst_labels') };
    this.#time = columns.number('time');
    this.#hour = columns.number('hour');
    this.#oddTime = columns.text('odd_time');
    this.#fault = columns.text('fault');
  }

  /** Fills row `row`, but for the place of the line. False: the row is not filled, and the line must be parsed. */
  read(bytes: Uint8Array, row: number): boolean {
    const end = bodyEnd(bytes, this.#sha256);
    if (end < 0) return false;
    let at = 0;
    for (const field of this.#fields) {
      if (!isAt(bytes, at, field.key)) {
        if (!field.isOptional) return false;
        this.#leaveOut(field, row);
        continue;
      }
      at = this.#field(field, bytes, at + field.key.length, row);
      if (at === NOWHERE) return false;
    }
    if (at !== end || !(this.#fields[0]?.number[row] !== 0)) return false;
    this.#fault[row] = 0;
    this.#oddTime[row] = 0;
    return true;
  }

  #leaveOut(field: Field, row: number): void {
    if (field.kind === 'number' || field.kind === 'true') field.number[row] = field.none;
    else field.text[row] = 0;
    if (field.kind === 'party') this.#labelsOf(field)[row] = this.#dictionary.idOf('[]');
  }

  #labelsOf(field: Field): Int32Array {
    return field.key[2] === 0x73 ? this.#labels.src : this.#labels.dst;
  }

  /** Reads a value at `at`. Returns the place after it. */
  #field(field: Field, bytes: Uint8Array, at: number, row: number): number {
    switch (field.kind) {
      case 'number': {
        const end = this.#number(bytes, at);
        field.number[row] = this.#value;
        return end;
      }
      case 'text': {
        if (bytes[at] !== QUOTE) return NOWHERE;
        const end = this.#text(bytes, at + 1);
        if (end === NOWHERE) return NOWHERE;
        field.text[row] = this.#idOf(bytes, at + 1, end);
        return end + 1;
      }
      case 'party':
        return this.#party(field, bytes, at, row);
      case 'rule': {
        const end = this.#rule(bytes, at);
        field.text[row] = this.#value;
        return end;
      }
      case 'time':
        return this.#readTime(bytes, at, row);
      case 'fraction':
        return this.#fraction(bytes, at);
      case 'true':
        field.number[row] = 1;
        return isAt(bytes, at, TRUE) ? at + TRUE.length : NOWHERE;
    }
  }

  #number(bytes: Uint8Array, at: number): number {
    let [place, value] = [at, 0];
    for (let digit = digitAt(bytes, place); digit >= 0; digit = digitAt(bytes, ++place)) value = value * 10 + digit;
    this.#value = value;
    const length = place - at;
    if (length === 0 || length > MAX_DIGITS || (length > 1 && bytes[at] === DIGIT_0)) return NOWHERE;
    return place;
  }

  #fraction(bytes: Uint8Array, at: number): number {
    const whole = this.#number(bytes, at);
    if (whole === NOWHERE || bytes[whole] !== POINT) return whole;
    let place = whole + 1;
    while (digitAt(bytes, place) >= 0) place += 1;
    return place === whole + 1 ? NOWHERE : place;
  }

  /** From behind the quote. Returns the place of the closing one. */
  #text(bytes: Uint8Array, at: number): number {
    let [place, hash] = [at, HASH_START];
    for (let byte = bytes[place] ?? 0; byte !== QUOTE; byte = bytes[++place] ?? 0) {
      if (byte < SPACE || byte > LAST_ASCII || byte === BACKSLASH) return NOWHERE;
      hash = nextHash(hash, byte);
    }
    this.#hash = hash;
    return place;
  }

  /** Of the text that was read last. */
  #idOf(bytes: Uint8Array, from: number, to: number): number {
    const known = this.#texts.find(bytes, from, to, this.#hash);
    if (known >= 0) return known;
    const id = this.#dictionary.idOf(asciiOf(bytes, from, to));
    this.#texts.add(bytes, from, to, this.#hash, id);
    return id;
  }

  #rule(bytes: Uint8Array, at: number): number {
    if (!isAt(bytes, at, RULE_FILE)) return NOWHERE;
    const from = at + RULE_FILE.length;
    const to = this.#text(bytes, from);
    if (to === NOWHERE || !isAt(bytes, to, RULE_LINE)) return NOWHERE;
    const hash = this.#hash;
    const end = this.#number(bytes, to + RULE_LINE.length);
    if (end === NOWHERE || bytes[end] !== CLOSE_OBJECT) return NOWHERE;
    const line = this.#value;
    const mixed = nextHash(hash, line);
    this.#value = this.#rules.find(bytes, from, end, mixed);
    if (this.#value < 0) {
      this.#value = this.#dictionary.idOf(`${asciiOf(bytes, from, to)}:${line}`);
      this.#rules.add(bytes, from, end, mixed, this.#value);
    }
    return end + 1;
  }

  #party(field: Field, bytes: Uint8Array, at: number, row: number): number {
    if (!isAt(bytes, at, PARTY_DOMAIN)) return NOWHERE;
    const from = at + PARTY_DOMAIN.length;
    const to = this.#text(bytes, from);
    if (to === NOWHERE || !isAt(bytes, to, PARTY_DOMID)) return NOWHERE;
    field.text[row] = this.#idOf(bytes, from, to);
    const list = this.#number(bytes, to + PARTY_DOMID.length);
    if (list === NOWHERE || !isAt(bytes, list, PARTY_LABELS)) return NOWHERE;
    const start = list + PARTY_LABELS.length;
    const end = this.#list(bytes, start);
    if (end === NOWHERE || bytes[end] !== CLOSE_OBJECT) return NOWHERE;
    // A list of such texts is its own JSON.
    this.#labelsOf(field)[row] = this.#idOf(bytes, start, end);
    return end + 1;
  }

  #list(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== OPEN_LIST) return NOWHERE;
    let place = at + 1;
    let hash = HASH_START;
    while (bytes[place] === QUOTE) {
      const end = this.#text(bytes, place + 1);
      if (end === NOWHERE) return NOWHERE;
      hash = nextHash(hash, this.#hash);
      place = end + 1;
      if (bytes[place] !== COMMA) break;
      place += 1;
      if (bytes[place] !== QUOTE) return NOWHERE;
    }
    this.#hash = hash;
    return bytes[place] === CLOSE_LIST ? place + 1 : NOWHERE;
  }

  /** Most records are of the same minute as the one before. */
  #readTime(bytes: Uint8Array, at: number, row: number): number {
    const from = at + 1;
    if (bytes[at] !== QUOTE || bytes[from + TIME_LENGTH] !== QUOTE) return NOWHERE;
    if (!isAt(bytes, from, this.#minute) && !this.#newMinute(bytes, from)) return NOWHERE;
    const place = from + MINUTE_LENGTH;
    if (bytes[place + 2] !== POINT || bytes[from + TIME_LENGTH - 1] !== 0x5a) return NOWHERE;
    const seconds = twoDigits(bytes, place);
    const [tenths, hundredths] = [digitAt(bytes, place + 3), twoDigits(bytes, place + 4)];
    if (seconds < 0 || seconds > 59 || tenths < 0 || hundredths < 0) return NOWHERE;
    this.#time[row] = this.#minuteMs + seconds * 1_000 + tenths * 100 + hundredths;
    this.#hour[row] = this.#minuteHour;
    return from + TIME_LENGTH + 1;
  }

  #newMinute(bytes: Uint8Array, from: number): boolean {
    const minute = asciiOf(bytes, from, from + MINUTE_LENGTH);
    const start = this.#millisecondsOf(`${minute}00.000Z`);
    const hour = twoDigits(bytes, from + HOUR_AT);
    if (start === null || hour < 0) return false;
    this.#minute.set(bytes.subarray(from, from + MINUTE_LENGTH));
    [this.#minuteMs, this.#minuteHour] = [start, hour];
    return true;
  }
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/** -1: not a digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] ?? 0) - DIGIT_0;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const [tens, ones] = [digitAt(bytes, at), digitAt(bytes, at + 1)];
  return tens < 0 || ones < 0 ? -1 : tens * 10 + ones;
}

function asciiOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}
