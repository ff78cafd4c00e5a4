import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { DumpOptions } from '../engines/port.ts'

/**
 * What a backup's spec says of how its dump goes about it. A value that makes no sense is one of a newer
 * coordinator: the engine's own is taken, a backup is never stopped by it.
 *
 * @param idleTimeoutMs the agent's own, for a spec without one
 */
export function dumpOptions(spec: BackupSpec, idleTimeoutMs: number | undefined): DumpOptions {
  const { streams, blockingLimitMs, streamsFrom, xminAgeLimit, replayLagLimitMs, replayBacklogLimit } = spec
  const idle = spec.idleTimeoutMs > 0 ? spec.idleTimeoutMs : idleTimeoutMs
  return {
    ...(streams === undefined || streams < 1 ? {} : { streams }),
    ...(blockingLimitMs === undefined || blockingLimitMs < 0 ? {} : { blockingLimit: blockingLimitMs }),
    ...(xminAgeLimit === undefined || xminAgeLimit < 0 ? {} : { xminAgeLimit }),
    ...(replayLagLimitMs === undefined ? {} : { replayLagLimit: replayLagLimitMs }),
    ...(replayBacklogLimit === undefined ? {} : { replayBacklogLimit }),
    // the agent ends a silent stream by itself; a frozen one cannot, so the server does soon after
    ...(idle === undefined ? {} : { unreadLimit: idle }),
    ...(streamsFrom === undefined || streamsFrom < 1 ? {} : { sharedFrom: streamsFrom }),
  }
}
