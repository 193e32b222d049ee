/** The agent in one file, as `npm run build` has made it and the package ships it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VmError } from './errors.ts';

/** @throws VmError ERR_VM_AGENT in a checkout that was not built */
export function agentFile(): string {
  const places = ['../../argus-agent.mjs', '../../dist/argus-agent.mjs'].map((up) => new URL(up, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new VmError('ERR_VM_AGENT', 'the agent’s one file is not there yet; run: npm run build');
  return fileURLToPath(found);
}
