/** The blocks of README.md and docs/ that a reader types. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKING_TREE } from '../support/program.ts';

export interface Block {
  /** `docs/keys.md` */
  readonly page: string;
  /** Each command line, with the lines that continue it, without prompt. The page and the first one name the block. */
  readonly commands: readonly string[];
}

const FENCE = /^```(.*)\n([\s\S]*?)^```$/gm;
/** A block without a language holds commands too, if its first line is one. */
const COMMAND = /^(?:\$ )?(?:argus|npm|systemctl|socat|printf) /;

export function commandBlocks(): Block[] {
  const pages = ['README.md', ...readdirSync(join(WORKING_TREE, 'docs')).map((name) => `docs/${name}`)];
  return pages.filter((page) => page.endsWith('.md')).flatMap(blocksOf);
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(WORKING_TREE, page), 'utf8');
  return [...text.matchAll(FENCE)].flatMap(([, language = '', body = '']) => {
    const isShell = language === 'sh' || language === 'console' || (language === '' && COMMAND.test(body));
    if (!isShell) return [];
    const lines = body.replaceAll(/\\\n\s*/g, '').split('\n');
    const typed = body.startsWith('$ ') ? lines.filter((line) => line.startsWith('$ ')) : lines;
    const commands = typed.map((line) => line.replace(/^\$ /, '').trim()).filter((line) => /^[^#]/.test(line));
    return [{ page, commands }];
  });
}
