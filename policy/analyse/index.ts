export { addsAccess } from './new-access.ts';
