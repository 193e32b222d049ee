/** The file of an authority's succession: two lines, the note as the old key signed it and as the new key signed it. */
import { PUBLIC_FILE_MODE } from '../../base/index.ts';
import {
  importTrustAnchor,
  type Predecessor,
  predecessorOf,
  type SigningKey,
  type Succession,
} from '../../credential/index.ts';
import { isPresent, readKeyFile, replaceKeyFile } from '../key-files.ts';
import type { AuthorityLayout } from '../layout.ts';

export interface PastRotation {
  readonly succession: Succession;
  readonly predecessor: Predecessor;
}

export function writeSuccession(files: AuthorityLayout, { byOld, byNew }: Succession): Promise<void> {
  return replaceKeyFile(files.succession, `${byOld}\n${byNew}\n`, PUBLIC_FILE_MODE);
}

/**
 * @returns null when `key` was never the new key of a rotation. A rotation that was interrupted early leaves a file
 * about a key that never came into use; such a file is ignored.
 */
export async function readSuccession(files: AuthorityLayout, key: SigningKey): Promise<PastRotation | null> {
  if (!(await isPresent(files.succession))) return null;
  const [byOld = '', byNew = ''] = (await readKeyFile(files.succession, 'public', '')).split('\n');
  const anchor = await importTrustAnchor(key.publicJwk);
  const predecessor = anchor === null ? null : await predecessorOf(anchor, { byOld, byNew });
  return predecessor === null ? null : { succession: { byOld, byNew }, predecessor };
}
