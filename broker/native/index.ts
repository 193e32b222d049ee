export { type Native, requireKoffi } from './koffi.ts';
