/**
 * The Casbin model, fixed.
 *
 * One misspelt field in a matcher widens it to everything, a `;` cuts it short, and an effect without an allow clause allows
 * all under an empty policy. So the model is part of the program; a directory's model.conf shows it and must be the same.
 */
import { createHash } from 'node:crypto';
import type { Finding } from './finding.ts';

export const MODEL_TEXT = `[request_definition]
r = src, dst, cls, perm

[policy_definition]
p = src, dst, cls, perm, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.src, p.src) && g(r.dst, p.dst) && r.cls == p.cls && (r.perm == p.perm || p.perm == "*")
`;

/** SHA-256 of the shipped model.conf, hex. Stands here a second time so that a change of the text is a change of two places. */
export const MODEL_SHA256 = '4513ef919dacaea7e8eb70e1ceff0e2466a694de6385be34aadd6ce3a2c6bebd';

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes must be exactly those of the shipped file. */
export function checkModel(file: string, bytes: Uint8Array, findings: Finding[]): void {
  const actual = sha256Hex(bytes);
  if (actual === MODEL_SHA256) return;
  const message = `the model is fixed: expected SHA-256 ${MODEL_SHA256.slice(0, 12)}…, got ${actual.slice(0, 12)}…; restore the file with "argus policy init" in an empty directory`;
  findings.push({ file, line: 0, column: 0, code: 'E-018', message });
}
