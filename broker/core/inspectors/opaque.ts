/** Any bytes: the only permission is `send`. */
import type { Inspector } from './inspector.ts';

export const opaque: Inspector = {
  permissions: ['send'],
  inspect: () => 0,
};
