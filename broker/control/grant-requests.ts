/** The bodies of POST /v1/grants and /v1/grants/revoke: read within a limit, checked key by key, handed on. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Grants } from '../service/index.ts';
import { type ControlAnswer, readJson } from './request-body.ts';

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

/** Never rejects. 200 done, 422 refused with a code, 400 a body that is none. */
export async function answerGrants(request: IncomingMessage, grants: Grants): Promise<ControlAnswer> {
  try {
    const body = await readJson(request, MAX_BODY_BYTES);
    const result =
      request.url === '/v1/grants'
        ? await grants.add(grantBody.parse(body))
        : await grants.revoke(revokeBody.parse(body));
    return { code: result.ok ? 200 : 422, body: result };
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : '';
    return { code: 400, body: { ok: false, code: 'ERR_CONTROL_BODY', message } };
  }
}
