/** An auditor's folder of cases: one file for each, never overwritten. An edge. */
import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile } from '../../../broker/files/index.ts';
import { AuditQuestionError } from '../errors.ts';
import { type CaseHead, parseCaseHead } from './case-file.ts';
import { MAX_CASE_BYTES } from './limits.ts';

/** Newest cases that a list holds; the total is told too. */
const LISTED_CASES = 500;
/** A list reads no more of each file: the first line of a case with the most remarks by hand is shorter. */
const HEAD_BYTES = 1024 * 1024;
const READ_BYTES = 16 * 1024;
/** Cases of the same name and second. */
const MAX_NAMESAKES = 100;
/** Letters of a case's name that its file name keeps. */
const MAX_SLUG = 60;

export interface CaseEntry {
  readonly file: string;
  readonly bytes: number;
  /** What the file says of itself; nobody has checked it. Null: it is not a case. */
  readonly head: Omit<CaseHead, 'remarks'> | null;
}

export class CaseFolder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Newest first, by the file names, which begin with the time. */
  async list(): Promise<{ readonly total: number; readonly cases: readonly CaseEntry[] }> {
    const names = (await this.#entries()).filter(isCaseFile).sort().reverse();
    const cases: CaseEntry[] = [];
    for (const file of names.slice(0, LISTED_CASES)) {
      const entry = await this.#entry(file);
      if (entry !== null) cases.push(entry);
    }
    return { total: names.length, cases };
  }

  /** The text of a case; null: there is no such file, or it is too large to be one. */
  async read(file: string): Promise<string | null> {
    if (!isCaseFile(file)) return null;
    const bytes = await sizeOf(join(this.#directory, file));
    return bytes === null ? null : readFile(join(this.#directory, file), 'utf8');
  }

  /** Returns the name of the new file. @throws AuditQuestionError ERR_AUDIT_CASE */
  async add(name: string, content: string, now: number): Promise<string> {
    const time = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    for (let turn = 1; turn <= MAX_NAMESAKES; turn++) {
      const file = `${time}-${slugOf(name)}${turn === 1 ? '' : `-${turn}`}.case`;
      try {
        // A new file, for its owner only: a case may say what others must not know yet.
        await createFile(join(this.#directory, file), content, 0o600);
        return file;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') continue;
        throw refused(`the folder of cases takes no file: ${codeOf(error)}`);
      }
    }
    throw refused('there are too many cases of this name');
  }

  async #entries(): Promise<readonly string[]> {
    try {
      return await readdir(this.#directory);
    } catch (error) {
      throw refused(`the folder of cases cannot be read: ${codeOf(error)}`);
    }
  }

  async #entry(file: string): Promise<CaseEntry | null> {
    const path = join(this.#directory, file);
    const bytes = await sizeOf(path);
    if (bytes === null) return null;
    const head = parseCaseHead(await firstLine(path));
    if (head === null) return { file, bytes, head };
    const { remarks: _, ...rest } = head;
    return { file, bytes, head: rest };
  }
}

/** No name leads out of the folder or to a hidden file. */
function isCaseFile(name: string): boolean {
  return /^[a-z0-9][\w.-]{0,120}\.case$/i.test(name);
}

function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG);
  return slug.replaceAll(/^-+|-+$/g, '') || 'case';
}

/** Null: not a plain file (a FIFO would never end), gone, or too large. */
async function sizeOf(path: string): Promise<number | null> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() === true && found.size <= MAX_CASE_BYTES ? found.size : null;
}

async function firstLine(path: string): Promise<string> {
  const handle = await open(path, 'r');
  const parts: Buffer[] = [];
  try {
    for (let at = 0; at < HEAD_BYTES; at += READ_BYTES) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, at);
      const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
      parts.push(buffer.subarray(0, end < 0 ? bytesRead : end));
      if (end >= 0 || bytesRead < READ_BYTES) break;
    }
  } finally {
    await handle.close();
  }
  return Buffer.concat(parts).toString('utf8');
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code ?? 'an error');
}

function refused(message: string): AuditQuestionError {
  return new AuditQuestionError('ERR_AUDIT_CASE', message);
}
