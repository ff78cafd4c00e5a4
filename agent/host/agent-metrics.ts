import type { Metrics } from '../../shared/metrics/index.ts'
import type { AttemptResult } from '../jobs/result.ts'
import type { Spool } from '../jobs/spool.ts'

/** What the agent counts. Bounded by design: no series for a database or an attempt. */
export interface AgentMetrics {
  ended(result: AttemptResult): void
  dialled(): void
  ignored(why: string): void
}

/** Declares the agent's metrics; gauges are read at each scrape. */
export function agentMetrics(
  metrics: Metrics,
  sources: {
    readonly spool: Spool
    readonly connected: () => boolean
    readonly running: () => number
    readonly slots: number
    /** When certificates end, ms UTC. */
    readonly expiries: () => { readonly own?: number; readonly ca?: number }
  },
): AgentMetrics {
  const attempts = metrics.counter({
    name: 'agent_attempts_ended_total',
    help: 'Attempts ended, by kind and outcome.',
    labels: ['kind', 'outcome'],
  })
  const bytes = metrics.counter({
    name: 'agent_bytes_total',
    help: 'Bytes of attempts that succeeded: raw as the tools wrote or read them, stored as they lie in the bucket.',
    labels: ['kind', 'form'],
  })
  const seconds = metrics.histogram({
    name: 'agent_attempt_seconds',
    help: 'Duration of attempts.',
    labels: ['kind'],
    buckets: [1, 5, 30, 120, 600, 3_600, 14_400, 43_200],
  })
  const dials = metrics.counter({
    name: 'agent_link_dials_total',
    help: 'Times the agent dialled its coordinator.',
  })
  const ignored = metrics.counter({
    name: 'agent_link_ignored_frames_total',
    help: 'Frames not acted upon: unknown to this version, or of a lower term.',
    labels: ['why'],
  })
  metrics.gauge({ name: 'agent_link_connected', help: '1 while a coordinator serves this agent.' }, gauge =>
    gauge.set(sources.connected() ? 1 : 0),
  )
  metrics.gauge({ name: 'agent_attempts_running', help: 'Attempts in hand.' }, gauge =>
    gauge.set(sources.running()),
  )
  metrics.gauge({ name: 'agent_slots', help: 'Attempts the agent takes at the same time.' }, gauge =>
    gauge.set(sources.slots),
  )
  metrics.gauge(
    { name: 'agent_spool_results', help: 'Results in the spool, by state.', labels: ['state'] },
    gauge => {
      for (const [state, count] of Object.entries(sources.spool.size)) gauge.set(count, { state })
    },
  )
  metrics.gauge(
    {
      name: 'agent_certificate_expiry_timestamp_seconds',
      help: "When a certificate ends, Unix time: the agent's own, the first CA it believes to end.",
      labels: ['kind'],
    },
    gauge => {
      for (const [kind, at] of Object.entries(sources.expiries())) gauge.set(at / 1_000, { kind })
    },
  )
  return {
    ended: result => {
      const { kind, outcome } = result
      attempts.inc({ kind, outcome })
      seconds.observe(Math.max(0, result.ended_at - result.started_at) / 1_000, { kind })
      if (outcome !== 'succeeded') return
      bytes.inc({ kind, form: 'raw' }, result.raw_bytes)
      bytes.inc({ kind, form: 'stored' }, result.stored_bytes)
    },
    dialled: () => dials.inc(),
    ignored: why => ignored.inc({ why }),
  }
}
