/** The bodies of POST /v1/grants and /v1/grants/revoke: read within a limit, checked key by key, and passed on. */
import { z } from 'zod';
import { MAX_GRANT_TEXT } from '../process/index.ts';
import type { Grants, ReloadResult } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** A request has five short members. */
const MAX_BODY_BYTES = 8_192;

const subject = {
  domain: z.string().max(63),
  label: z.string().max(64),
  by: z.string().default('admin'),
  reason: z.string().default(''),
};
const grantBody = z.strictObject({
  ...subject,
  forMs: z.int().nullable().default(null),
  keep: z.boolean().default(false),
});
const revokeBody = z.strictObject(subject);
const anyBody = z.union([grantBody, revokeBody]);

/** Never rejects. 200: done. 422: refused with a code. 400: the body is not valid. */
export async function answerGrants(request: ControlRequest, grants: Grants): Promise<ControlAnswer> {
  try {
    const body = await readJson(request, MAX_BODY_BYTES);
    if (request.url === '/v1/grants') {
      const asked = grantBody.parse(body);
      return answerOf(await grants.add(asked), asked);
    }
    const asked = revokeBody.parse(body);
    return answerOf(await grants.revoke(asked), asked);
  } catch (error) {
    return badBody(error);
  }
}

function answerOf(
  result: ReloadResult,
  { domain, label, by, reason, ...more }: z.infer<typeof anyBody>,
): ControlAnswer {
  const asked = { domain, label, ...more, by: by.slice(0, MAX_GRANT_TEXT), why: reason.slice(0, MAX_GRANT_TEXT) };
  return { code: result.ok ? 200 : 422, body: result, asked };
}
