/** What authentication makes of a carrier: one machine for every end. Pure: bytes and time in, events and records out. */
export { Channel, type ChannelEvent, type ChannelFault, type ChannelOptions } from './channel.ts';
export { signCredentialChange, verifyCredentialChange } from './credential-change.ts';
export type { HandshakeContext } from './handshake.ts';
export type { ChannelRole, WelcomeFrame } from './roles.ts';
export type { Session } from './session.ts';
