/** Reads a syslog message by the grammar of RFC 5424, section 6, and nothing else. Throws on what is no message. */

export interface SyslogMessage {
  readonly facility: number;
  readonly severity: number;
  readonly timestamp: string;
  readonly host: string;
  readonly app: string;
  readonly process: string;
  readonly id: string;
  readonly data: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly text: string;
}

const HEADER =
  /^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /;
const SD_NAME = '[^= \\]"\\x00-\\x20\\x7f-\\uffff]{1,32}';
const ELEMENT = new RegExp(`^\\[(${SD_NAME})((?: ${SD_NAME}="(?:[^"\\\\\\]]|\\\\["\\\\\\]])*")*)\\]`);
const PARAMETER = new RegExp(` (${SD_NAME})="((?:[^"\\\\\\]]|\\\\["\\\\\\]])*)"`, 'g');
const MARK = '\uFEFF';

export function parseSyslog(bytes: Uint8Array): SyslogMessage {
  const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const [header, priority = '', timestamp = '', host = '', app = '', process = '', id = ''] = HEADER.exec(whole) ?? [];
  if (header === undefined || Number(priority) > 191) throw new Error(`no header: ${whole.slice(0, 80)}`);
  let rest = whole.slice(header.length);
  const data: Record<string, Record<string, string>> = {};
  if (rest.startsWith('-')) rest = rest.slice(1);
  else {
    for (let found = ELEMENT.exec(rest); found !== null; found = ELEMENT.exec(rest)) {
      const [element, name = '', parameters = ''] = found;
      data[name] = Object.fromEntries([...parameters.matchAll(PARAMETER)].map(([, key, value]) => [key, value]));
      rest = rest.slice(element.length);
    }
    if (Object.keys(data).length === 0) throw new Error('no structured data');
  }
  if (rest !== '' && !rest.startsWith(' ')) throw new Error('no space before the message');
  const message = rest.slice(1);
  const isMarked = message.startsWith(MARK);
  // Without the mark a message is octets, and only ASCII is sure to be read as what it is.
  if (!isMarked && /[^\x20-\x7e]/.test(message)) throw new Error('text outside ASCII without a mark');
  return {
    facility: Math.floor(Number(priority) / 8),
    severity: Number(priority) % 8,
    timestamp,
    host,
    app,
    process,
    id,
    data,
    text: isMarked ? message.slice(1) : message,
  };
}
