/**
 * Requests about the policy: POST /v1/policy/reload, /v1/policy/apply and /v1/policy/stage, GET /v1/policy/files.
 *
 * Files are sent as base64: a policy may hold any bytes, and the applied bytes must be the ones that were read.
 */
import { z } from 'zod';
import {
  type ArchiveReader,
  archivedFiles,
  findArchived,
  hashFiles,
  POLICY_FILE_NAMES,
  PolicyError,
  type PolicyFiles,
} from '../../policy/index.ts';
import { MAX_GRANT_TEXT } from '../process/index.ts';
import type { Detail } from '../record/index.ts';
import type { PolicyReload } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** Three tables of 4 MiB, two YAML files of 1 MiB, and base64. */
const MAX_POLICY_BODY_BYTES = 20 * 1024 * 1024;
const MAX_REASON_BODY_BYTES = 8_192;
const MIN_TOKEN_DIGITS = 12;

const attribution = {
  by: z.string().max(MAX_GRANT_TEXT).default('admin'),
  reason: z.string().max(MAX_GRANT_TEXT).default(''),
};
const sixFiles = z.strictObject(
  Object.fromEntries(POLICY_FILE_NAMES.map((name) => [name, z.base64()])) as Record<
    (typeof POLICY_FILE_NAMES)[number],
    z.ZodBase64
  >,
);
const reloadBody = z.strictObject({ ...attribution, cause: z.enum(['reload', 'apply', 'rollback']).default('reload') });
const applyBody = z.strictObject({
  ...attribution,
  cause: z.enum(['apply', 'rollback']).default('apply'),
  token: z.string().regex(/^[0-9a-f]{12,64}$/, 'expected at least 12 digits of the hash of the policy in force'),
  files: sixFiles.optional(),
  /** A revision or a hash of the archive, instead of files. */
  policy: z.string().max(64).optional(),
});
const stageBody = z.strictObject({ ...attribution, files: sixFiles });

export interface PolicyTarget {
  readonly reload: PolicyReload;
  readonly archive: ArchiveReader;
}

/** Never rejects. 200: done. 422: refused with a code. 400: the body is not valid. */
export async function answerPolicy(request: ControlRequest, target: PolicyTarget): Promise<ControlAnswer> {
  try {
    return await answer(request, target);
  } catch (error) {
    if (error instanceof PolicyError)
      return { code: 422, body: { ok: false, code: error.code, message: error.message } };
    return badBody(error);
  }
}

async function answer(request: ControlRequest, { reload, archive }: PolicyTarget): Promise<ControlAnswer> {
  switch (request.url) {
    case '/v1/policy/reload': {
      const who = reloadBody.parse((await readJson(request, MAX_REASON_BODY_BYTES)) ?? {});
      return answerOf(await reload.run(who), reload.policy.hash, saidBy(who));
    }
    case '/v1/policy/apply': {
      const { files, policy, ...rest } = applyBody.parse(await readJson(request, MAX_POLICY_BODY_BYTES));
      if ((files === undefined) === (policy === undefined)) throw new Error('expected either files or policy');
      const { token, ...who } = rest;
      const wanted = files === undefined ? await archived(archive, policy ?? '') : bytesOf(files);
      const asked = { ...saidBy(who), policy: short(hashFiles(wanted)), token: short(token) };
      return answerOf(await reload.apply({ files: wanted, token, attribution: who }), reload.policy.hash, asked);
    }
    case '/v1/policy/stage': {
      const { files, ...who } = stageBody.parse(await readJson(request, MAX_POLICY_BODY_BYTES));
      const staged = bytesOf(files);
      const hash = hashFiles(staged);
      return answerOf(await reload.stage(staged), hash, { ...saidBy(who), policy: short(hash) });
    }
    default: {
      const { hash, revision, grants, permissive, files } = reload.policy;
      return { code: 200, body: { hash, revision, grants, permissive, files: textOf(files) } };
    }
  }
}

async function archived(archive: ArchiveReader, name: string): Promise<PolicyFiles> {
  const { hash } = await findArchived(archive, name);
  return archivedFiles(archive, hash);
}

function answerOf(result: Awaited<ReturnType<PolicyReload['run']>>, policy: string, asked: Detail): ControlAnswer {
  return { code: result.ok ? 200 : 422, body: result.ok ? { ...result, policy } : result, asked };
}

function saidBy({ by, reason }: { readonly by: string; readonly reason: string }): Detail {
  return { by, why: reason };
}

/** The first digits of a hash, as an admin types them and the log shows them. */
function short(hash: string): string {
  return hash.slice(0, MIN_TOKEN_DIGITS);
}

function bytesOf(files: z.infer<typeof sixFiles>): PolicyFiles {
  return Object.fromEntries(
    POLICY_FILE_NAMES.map((name) => [name, Buffer.from(files[name], 'base64')]),
  ) as unknown as PolicyFiles;
}

function textOf(files: PolicyFiles): Readonly<Record<string, string>> {
  return Object.fromEntries(POLICY_FILE_NAMES.map((name) => [name, Buffer.from(files[name]).toString('base64')]));
}
