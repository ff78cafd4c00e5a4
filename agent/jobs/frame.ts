import type { ConnectRequest } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'

/** A frame of the agent. */
export type Frame = NonNullable<ConnectRequest['frame']>

/** Says something to the coordinator; false when there is none now. */
export type Send = (frame: Frame) => boolean
