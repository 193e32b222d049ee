/**
 * Looks for a new credential in the identity's directory while a session is up, and presents it inside the session. So a
 * renewal and a rotation of the key need no new session: nothing is lost, and nothing is sent again.
 */
import { signCredentialChange } from '../../../broker/channel/index.ts';
import { Op } from '../../../broker/wire/index.ts';
import type { Identity } from '../../../keys/index.ts';
import { CREDENTIAL_CHECK_MS } from '../limits.ts';
import type { Platform } from '../platform.ts';
import type { ClientSession } from './client-session.ts';

export interface CredentialSource {
  /** True when the directory holds another credential than this one. */
  isReplaced(credentialJwt: string): Promise<boolean>;
  load(): Promise<Identity>;
}

/** @param transcript of the session. @returns a function that ends the watch */
export function watchCredential(
  session: Pick<ClientSession, 'request'>,
  transcript: string,
  credentialJwt: string,
  source: CredentialSource,
  platform: Platform,
): () => void {
  let known = credentialJwt;
  let cancel = (): void => {};
  let isOver = false;
  const look = async (): Promise<void> => {
    if (!(await source.isReplaced(known))) return;
    const identity = await source.load();
    const statement = await signCredentialChange(identity, { transcript });
    if (isOver) return;
    const ignore = (): void => {};
    // A refusal leaves the session as it is. The next session presents the new credential in any case.
    if (session.request({ op: Op.credential, id: 0, statement }, ignore, ignore)) known = identity.credentialJwt;
  };
  const again = (): void => {
    if (!isOver)
      cancel = platform.schedule(
        CREDENTIAL_CHECK_MS,
        () =>
          void look()
            .catch(() => {})
            .then(again),
      );
  };
  again();
  return () => {
    isOver = true;
    cancel();
  };
}
