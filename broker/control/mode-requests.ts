/** The body of POST /v1/modes: read within a limit, checked key by key, and passed on. */
import { z } from 'zod';
import { MAX_GRANT_TEXT } from '../process/index.ts';
import type { Modes } from '../service/index.ts';
import { badBody, type ControlAnswer, type ControlRequest, readJson } from './request-body.ts';

/** A request has five short members. */
const MAX_BODY_BYTES = 8_192;

const subject = { domain: z.string().max(63), by: z.string().default('admin'), reason: z.string().default('') };
const modeBody = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('permissive'), ...subject, forMs: z.int() }),
  z.strictObject({ mode: z.literal('enforcing'), ...subject }),
]);

/** Never rejects. 200: done. 422: refused with a code. 400: the body is not valid. */
export async function answerModes(request: ControlRequest, modes: Modes): Promise<ControlAnswer> {
  try {
    const { reason, by, ...asked } = modeBody.parse(await readJson(request, MAX_BODY_BYTES));
    const said = { ...asked, by: by.slice(0, MAX_GRANT_TEXT), why: reason.slice(0, MAX_GRANT_TEXT) };
    const result =
      asked.mode === 'permissive'
        ? await modes.loosen({ domain: asked.domain, forMs: asked.forMs, by, reason })
        : await modes.tighten({ domain: asked.domain, by, reason });
    return { code: result.ok ? 200 : 422, body: result, asked: said };
  } catch (error) {
    return badBody(error);
  }
}
