/** The door of clients/audio: the VM's agent, the AudioVM's service, the mixer. */
export { AudioAgent, type AudioAgentOptions } from './agent.ts';
export { AudioError, type AudioErrorCode } from './errors.ts';
export { PulseServer } from './pulse-server.ts';
export { AudioService, type AudioServiceOptions } from './service.ts';
export type { ServiceStatus, VmAudioStatus } from './status.ts';
