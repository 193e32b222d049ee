/** The user of a command, as the command itself claims. */
import { userInfo } from 'node:os';

/** The login name, and behind sudo that of the original user. The broker records it as a claim. */
export function who(): string {
  const username = nameOfUser();
  const behind = process.env.SUDO_USER;
  return behind === undefined || behind === username ? username : `${username} (${behind})`;
}

/** In a container a user may have a number and no name. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
