import type { BenchRow } from '../row.ts'
import type { FleetMeasure } from './measure.ts'

const targets = { roundTripMs: 250, startsASecond: 200, flat: 1.2 }

/** What was measured as rows: each fleet's, then how they compare. */
export function rowsOf(measured: readonly FleetMeasure[]): readonly BenchRow[] {
  return [...measured.flatMap(ofFleet), ...flat(measured)]
}

function ofFleet(fleet: FleetMeasure): readonly BenchRow[] {
  const conditions = `load ${fleet.load.toFixed(1)}, ${fleet.databases} databases each, ${fleet.store}, ${fleet.tls ? 'mTLS' : 'plaintext'}`
  const row = (
    name: string,
    value: number,
    unit: string,
    target?: { readonly word: string; readonly ok: boolean },
  ) => ({
    case: `fleet of ${fleet.agents}: ${name}`,
    value: Number.isFinite(value) ? Number(value.toPrecision(3)) : null,
    unit,
    target: target?.word ?? null,
    ok: Number.isFinite(value) && (target?.ok ?? true),
    conditions,
  })
  const trips = (values: readonly number[], when: string) => {
    const p99 = quantile(values, 0.99)
    const { roundTripMs } = targets
    return [
      row(`round trip ${when}, p50`, quantile(values, 0.5), 'ms'),
      row(`round trip ${when}, p99`, p99, 'ms', { word: `≤ ${roundTripMs}`, ok: p99 <= roundTripMs }),
    ]
  }
  return [
    row('all connected', fleet.connect, 's'),
    row('coordinator RSS an agent', fleet.rss / fleet.agents / 1024, 'KiB'),
    row('coordinator CPU while they beat', fleet.beatingCpu, 'cores'),
    row('CPU an agent while they beat', (fleet.beatingCpu / fleet.agents) * 1e6, 'µs/s'),
    ...trips(fleet.beats, 'while they beat'),
    row('event-loop delay while they beat, p99', fleet.beatingDelay.p99, 'ms'),
    row('event-loop delay while they beat, max', fleet.beatingDelay.max, 'ms'),
    ...trips(fleet.busyBeats, 'while everything is due'),
    row('round trips refused or dropped', fleet.unanswered, '', { word: '≤ 0', ok: fleet.unanswered === 0 }),
    row("a load process's own event-loop delay then, max", fleet.ownDelay, 'ms'),
    row('databases told to first job begun, p50', quantile(fleet.firstStarts, 0.5) / 1_000, 's'),
    row('databases told to first job begun, p99', quantile(fleet.firstStarts, 0.99) / 1_000, 's'),
    row('jobs begun in the best second', fleet.peakStarts, '1/s', {
      word: `≥ ${targets.startsASecond}`,
      ok: fleet.peakStarts >= targets.startsASecond,
    }),
    row('backups recorded', fleet.recorded / fleet.work, '1/s'),
    row('store steps', fleet.steps, '1/s'),
    row('coordinator CPU a backup', fleet.cpuEach * 1e3, 'ms'),
    row('event-loop delay while everything is due, p99', fleet.loopDelay.p99, 'ms'),
    row('event-loop delay while everything is due, max', fleet.loopDelay.max, 'ms'),
    row('dialled in vain', fleet.dialledInVain, ''),
    row('streams lost', fleet.lost, '', { word: '≤ 0', ok: fleet.lost === 0 }),
  ]
}

/** CPU and memory of an agent must not grow with their number; that they fall, as what all share is shared by more, is no fault. */
function flat(measured: readonly FleetMeasure[]): readonly BenchRow[] {
  if (measured.length < 2) return []
  const fleets = measured.toSorted((a, b) => a.agents - b.agents)
  const spread = (name: string, each: (fleet: FleetMeasure) => number): BenchRow => {
    const ratio = Math.max(
      ...fleets.flatMap((fleet, index) => fleets.slice(0, index).map(less => each(fleet) / each(less))),
    )
    return {
      case: `${name}: a larger fleet ÷ a smaller one, at most`,
      value: Number(ratio.toPrecision(3)),
      unit: '',
      target: `≤ ${targets.flat}`,
      ok: ratio <= targets.flat,
    }
  }
  return [
    spread('RSS an agent', fleet => fleet.rss / fleet.agents),
    spread('CPU an agent', fleet => fleet.beatingCpu / fleet.agents),
  ]
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
