/** The user of a command, as the command itself claims. */
import { userInfo } from 'node:os';

/** The login name, and behind sudo that of the original user. The broker records it as a claim. */
export function who(): string {
  const { username } = userInfo();
  const behind = process.env.SUDO_USER;
  return behind === undefined || behind === username ? username : `${username} (${behind})`;
}
