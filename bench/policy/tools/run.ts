/** The commands of the workbench next to the tools that SELinux admins know: the same question about the same rows. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FindProgram, findProgram } from '../../arms/server-process.ts';
import { median } from '../../figures/stats.ts';
import { manyRows, shapeFiles } from '../compile.ts';
import { runTool } from './children.ts';
import { selinuxPolicy } from './selinux.ts';

const BUILT_PROGRAM = fileURLToPath(new URL('../../../dist/clients/cli/main.js', import.meta.url));

/** Why a tool that people know is not compared, whatever is installed here. */
export const NOT_COMPARED: readonly string[] = [
  'opa is not compared: neither Debian nor npm has its compiler (npm has @open-policy-agent/opa-wasm, which runs what another machine has compiled)',
];

export interface ToolFigure {
  readonly question: string;
  readonly tool: string;
  /** Medians, of a whole process. */
  readonly wallMs: number;
  readonly cpuMs: number | null;
}

export interface ToolReport {
  readonly rows: number;
  readonly figures: readonly ToolFigure[];
  readonly missing: readonly { readonly tool: string; readonly package: string }[];
  readonly notCompared: readonly string[];
}

export interface ToolRequest {
  readonly folder: string;
  readonly rows: number;
  readonly rounds: number;
  /** Node's arguments before the command of `argus`. */
  readonly program?: readonly string[];
  progress(line: string): void;
}

interface Place {
  /** Directories of Argus, and policies of SELinux: before and after one more row. */
  readonly [name: string]: string;
}

interface Tool {
  readonly question: string;
  readonly tool: string;
  /** The package of the program; null: it is ours. */
  readonly package: string | null;
  args(at: Place): readonly string[];
}

const COMPILE = 'check a whole policy';
const SEARCH = 'which rows apply to vm-7?';
const DIFF = 'what do two policies differ in?';

const TOOLS: readonly Tool[] = [
  { question: COMPILE, tool: 'argus policy check', package: null, args: (at) => ['policy', 'check', at.before ?? ''] },
  {
    question: COMPILE,
    tool: 'checkpolicy',
    package: 'checkpolicy',
    args: (at) => ['-o', '/dev/null', `${at.before}.conf`],
  },
  {
    question: SEARCH,
    tool: 'argus policy search',
    package: null,
    args: (at) => ['policy', 'search', '-A', '-s', 'vm-7', '--policy', at.before ?? ''],
  },
  { question: SEARCH, tool: 'sesearch', package: 'setools', args: (at) => ['-A', '-s', 'vm_7', `${at.before}.bin`] },
  {
    question: DIFF,
    tool: 'argus policy diff',
    package: null,
    args: (at) => ['policy', 'diff', at.before ?? '', at.after ?? ''],
  },
  {
    question: DIFF,
    tool: 'sediff',
    package: 'setools',
    args: (at) => ['--allow', `${at.before}.bin`, `${at.after}.bin`],
  },
];

export async function runTools(request: ToolRequest, find: FindProgram = findProgram): Promise<ToolReport> {
  const { folder, rows, rounds, progress, program = [BUILT_PROGRAM] } = request;
  const checkpolicy = await find('checkpolicy');
  const missing: { tool: string; package: string }[] = [];
  const present: { tool: Tool; path: string; wall: number[]; cpu: number[] }[] = [];
  for (const tool of TOOLS) {
    const path = tool.package === null ? process.execPath : await find(tool.tool);
    // The tools of setools read what checkpolicy has compiled.
    const lacks = path === null ? tool.package : tool.package !== null && checkpolicy === null ? 'checkpolicy' : null;
    if (path !== null && lacks === null) present.push({ tool, path, wall: [], cpu: [] });
    else {
      missing.push({ tool: tool.tool, package: lacks ?? '' });
      progress(`${tool.tool} is left out: install the package ${lacks}`);
    }
  }
  const at = await writePolicies(join(folder, 'tools'), rows, checkpolicy);
  for (let round = -1; round < rounds; round++) {
    for (const { tool, path, wall, cpu } of round % 2 === 0 ? present : present.toReversed()) {
      const { wallMs, cpuMs } = await runTool(path, [...(tool.package === null ? program : []), ...tool.args(at)]);
      // round -1 fills the caches of files
      if (round < 0) continue;
      wall.push(wallMs);
      if (cpuMs !== null) cpu.push(cpuMs);
    }
  }
  const figures = present.map(({ tool: { question, tool }, wall, cpu }) => {
    return { question, tool, wallMs: median(wall), cpuMs: cpu.length === 0 ? null : median(cpu) };
  });
  return { rows, figures, missing, notCompared: NOT_COMPARED };
}

async function writePolicies(folder: string, rows: number, checkpolicy: string | null): Promise<Place> {
  const at = { before: join(folder, 'before'), after: join(folder, 'after') };
  for (const [path, count] of [
    [at.before, rows],
    [at.after, rows + 1],
  ] as const) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const files = await shapeFiles(manyRows(count));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(path, name), bytes, { mode: 0o600 });
    if (checkpolicy === null) continue;
    await writeFile(`${path}.conf`, selinuxPolicy(count));
    await runTool(checkpolicy, ['-o', `${path}.bin`, `${path}.conf`]);
  }
  return at;
}
