/** Who types: what a command claims of itself. */
import { userInfo } from 'node:os';

/** The login name, and behind sudo whose: the broker records it as claimed. */
export function who(): string {
  const { username } = userInfo();
  const behind = process.env.SUDO_USER;
  return behind === undefined || behind === username ? username : `${username} (${behind})`;
}
