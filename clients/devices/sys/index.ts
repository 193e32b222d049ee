/** The system calls that Node lacks: file descriptors over unix sockets, eventfd, memfd, poll. */
export { Descriptor } from './descriptor.ts';
export { listenUnix } from './listen.ts';
export { openSystem, type System, type Watch } from './system.ts';
