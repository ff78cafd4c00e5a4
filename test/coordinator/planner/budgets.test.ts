import { describe, expect, it } from 'vitest'
import { agentId, backup, clusterId, course, host, hour, jobId, look, minute, now } from './world.ts'

const mb = 1e6
const to = (bytesPerSecond: number) => ({ budgets: { destination: { bytesPerSecond } } })

describe('budgets', () => {
  it('what a destination takes a second is never exceeded, and who waits for it says how much it lacks', () => {
    const { placed, of } = look([backup(1), backup(2), backup(3)], to(25 * mb))
    expect(placed).toEqual([1, 2])
    expect(of(3)?.reasons).toMatchObject([
      { code: 'reservation' },
      {
        code: 'destination-rate',
        subject: 'main',
        numbers: { used: 20 * mb, budget: 25 * mb, needs: 10 * mb },
      },
    ])
  })

  it('slots of a destination, of a site and of a cluster count what runs, too', () => {
    const running = [{ id: jobId(90), agentId: agentId(9), clusterId: clusterId(9), destination: 'main' }]
    expect(look([backup(1)], { running, budgets: { destination: { slots: 1 } } }).placed).toEqual([])
    const agents = [host(1, { site: 'a' }), host(2, { site: 'a' }), host(3, { site: 'b' })]
    const atSites = look([backup(1), backup(2), backup(3)], { agents, budgets: { site: { slots: 1 } } })
    expect(atSites.placed).toEqual([1, 3])
    expect(atSites.why(2)).toEqual(['reservation', 'site-slots'])
    const same = { clusterId: clusterId(7) }
    expect(look([backup(1, same), backup(2, same)], { budgets: { cluster: { slots: 2 } } }).placed).toEqual([
      1, 2,
    ])
  })

  it('every destination a job is written to counts, not only its first: what waits, what is placed, what runs', () => {
    const budgets = { destinations: new Map([['far', { slots: 1, bytesPerSecond: 15 * mb }]]) }
    const both = { further: ['far'] }
    const { placed, of } = look([backup(1, both), backup(2, both), backup(3)], { budgets })
    expect(placed).toEqual([1, 3])
    expect(of(2)?.reasons).toMatchObject([
      { code: 'reservation' },
      { code: 'destination-slots', subject: 'far', numbers: { used: 1, slots: 1 } },
    ])
    const running = [
      { id: jobId(90), agentId: agentId(9), destination: 'main', further: ['far'], rate: 10 * mb },
    ]
    expect(look([backup(1, both)], { running, budgets }).placed).toEqual([])
    const rates = { destinations: new Map([['far', { bytesPerSecond: 15 * mb }]]) }
    expect(look([backup(1, both)], { running, budgets: rates }).why(1)).toEqual([
      'reservation',
      'destination-rate',
    ])
  })

  it('a budget by name replaces the one of its kind', () => {
    const budgets = { destination: { slots: 1 }, destinations: new Map([['big', { slots: 5 }]]) }
    const jobs = [1, 2, 3].map(n => backup(n, { destination: 'big' }))
    expect(look([...jobs, backup(4), backup(5)], { budgets }).placed).toEqual([1, 2, 3, 4])
  })

  it('one that wants more than there is gets all there is', () => {
    expect(look([backup(1, { rate: 900 * mb })], to(25 * mb)).placed).toEqual([1])
  })

  it('a manual restore waits for no rate and no cluster: budgets are of what is stored', () => {
    const busy = [1, 2].map(n => backup(n, { clusterId: clusterId(7), candidates: [agentId(7)] }))
    const restore = backup(3, {
      kind: 'restore',
      manual: true,
      clusterId: clusterId(7),
      candidates: [agentId(7)],
    })
    expect(look([...busy, restore], to(10 * mb)).placed).toEqual([3])
  })
})

describe('giants and small ones', () => {
  const small = (n: number) => backup(n, { p50: 4 * minute, p90: 5 * minute, dueAt: now + (n % 5) * minute })
  const giant = backup(99, { rate: 400 * mb, p50: 3 * hour, p90: 4 * hour, candidates: [agentId(29)] })

  it('a giant that needs most of a budget starts within its class’s bound: steady small ones do not starve it', () => {
    // a small one is due each half minute on one of twenty hosts, for twelve hours
    const steady = Array.from({ length: 1_440 }, (_, n) =>
      backup(1_000 + n, {
        clusterId: clusterId(n % 20),
        candidates: [agentId(n % 20)],
        rate: 20 * mb,
        p50: 9 * minute,
        p90: 10 * minute,
        dueAt: now + n * 30_000,
        deadline: now + n * 30_000 + 2 * hour,
      }),
    )
    const late = { ...giant, dueAt: now + hour, notBefore: now + hour, deadline: now + 30 * hour }
    const { startOf } = course([...steady, late], { budgets: { destination: { bytesPerSecond: 500 * mb } } })
    const started = startOf(99)
    expect(started).toBeDefined()
    // the longest that could run when it came, by its P90, and a look
    expect((started ?? 0) - late.dueAt).toBeLessThanOrEqual(10 * minute + 2_000)
  })

  it('a later job starts beside a reservation only if it ends before it or leaves the amount free', () => {
    const running = [
      {
        id: jobId(90),
        agentId: agentId(20),
        clusterId: clusterId(20),
        destination: 'main',
        rate: 200 * mb,
        endsAt: now + hour,
      },
    ]
    const brief = backup(1, { rate: 50 * mb })
    const long = backup(2, { rate: 150 * mb, p50: 2 * hour, p90: 2.5 * hour })
    const slim = backup(3, { rate: 100 * mb, p50: 2 * hour, p90: 2.5 * hour })
    const { placed, of, why } = look([giant, brief, long, slim], { ...to(500 * mb), running })
    expect(of(99)).toMatchObject({ kind: 'wait', reserved: { agentId: agentId(29), at: now + hour } })
    expect(placed).toEqual([3, 1])
    expect(why(2)).toEqual(['reserved'])
  })

  it('a giant lets the small ones of its cluster go first that would be late behind it, while it can wait', () => {
    const home = { clusterId: clusterId(29), candidates: [agentId(29)] }
    const own = { ...giant, ...home, deadline: now + 9 * hour }
    const urgent = backup(1, { ...home, deadline: now + 2 * hour })
    expect(look([own, urgent]).placed).toEqual([1])
    expect(look([own, urgent]).why(99)).toEqual(['lets-go-first'])
    const hurried = { ...own, deadline: now + own.p50 + minute }
    expect(look([hurried, urgent]).placed).toEqual([99])
    // late whatever it does: a little later is nothing to it
    const tiny = { ...urgent, p50: minute, p90: minute }
    expect(look([{ ...own, deadline: now + hour }, tiny]).placed).toEqual([1])
    const { runs } = course([own, urgent])
    expect(runs.every(each => each.endedAt <= each.job.deadline)).toBe(true)
  })

  it('a small job never waits behind a giant for want of a slot elsewhere', () => {
    const fill = {
      id: jobId(90),
      agentId: agentId(28),
      clusterId: clusterId(28),
      destination: 'main',
      rate: 200 * mb,
      endsAt: now + 9 * hour,
    }
    const elsewhere = [1, 2, 3].map(n => backup(n, { destination: 'other' }))
    const { placed, of } = look([giant, ...elsewhere, small(5)], { ...to(500 * mb), running: [fill] })
    expect(of(99)?.kind).toBe('wait')
    expect(placed).toEqual(expect.arrayContaining([1, 2, 3, 5]))
  })
})

describe('fairness', () => {
  const many = Array.from({ length: 6 }, (_, n) =>
    backup(n + 1, { clusterId: clusterId(7), p50: 9 * minute }),
  )
  const input = { budgets: { destination: { slots: 3 }, cluster: { slots: 6 } } }

  it('a cluster has at most a third of a destination while others of its class wait for it', () => {
    const others = [11, 12, 13].map(n => backup(n))
    const { placed, why } = look([...many, ...others], input)
    expect(placed.filter(n => n < 10)).toEqual([1])
    expect(placed.filter(n => n > 10)).toHaveLength(2)
    expect(why(2)).toEqual(['fair-share'])
  })

  it('and all of it while nobody else waits', () => {
    const hosts = many.map((each, n) => ({ ...each, candidates: [agentId(n + 1)] }))
    expect(look(hosts, input).placed).toHaveLength(3)
  })
})

describe('windows', () => {
  const opens = [{ from: now + 2 * hour, to: now + 4 * hour }]

  it('a job starts inside its window only, and says when that opens', () => {
    const { of } = look([backup(1, { windows: opens })])
    expect(of(1)).toMatchObject({
      kind: 'wait',
      until: now + 2 * hour,
      reasons: [{ code: 'outside-window', numbers: { opens_at: now + 2 * hour } }],
    })
    expect(course([backup(1, { windows: opens })]).startOf(1)).toBe(now + 2 * hour)
  })

  it('one that would not end in what is left waits for the next, unless it need not end in it', () => {
    const windows = [{ from: now - hour, to: now + 5 * minute }, ...opens]
    expect(look([backup(1, { windows })]).why(1)).toEqual(['window-ends-first'])
    expect(look([backup(1, { windows, mustFinish: false })]).placed).toEqual([1])
  })

  it('the window wins: what is longer than any of them never starts, and that is said', () => {
    const { of } = look([backup(1, { windows: opens, p90: 3 * hour, deadline: now + hour })])
    expect(of(1)?.reasons).toMatchObject([{ code: 'window-too-small', numbers: { p90_ms: 3 * hour } }])
  })
})

describe('the place', () => {
  it('a replica that keeps up comes first, the pool after the cluster’s own hosts', () => {
    const candidates = [1, 2, 3].map(agentId)
    const ranks = new Map([
      [agentId(2), 0],
      [agentId(3), 2],
    ])
    const same = { candidates, ranks }
    const jobs = [1, 2, 3, 4, 5].map(n => backup(n, same))
    const decisions = look(jobs).decisions
    expect(decisions.map(each => each.kind === 'assign' && each.agentId)).toEqual(
      [2, 2, 1, 1, 3].map(agentId),
    )
    expect(decisions[0]?.reasons.map(each => each.code)).toEqual(['placed', 'less-fit', 'less-fit'])
  })
})

describe('pressure', () => {
  it('many of one deadline before one destination go first, long before each of them is urgent by itself', () => {
    const soon = Array.from({ length: 20 }, (_, n) => backup(n + 1, { deadline: now + 2 * hour }))
    const relaxed = backup(25, { importance: 9 })
    // 20 × 8 min one after the other is more than two hours
    const { decisions } = look([relaxed, ...soon], to(10 * mb))
    expect(decisions[0]?.jobId).not.toBe(jobId(25))
    expect(look([relaxed, ...soon], to(1_000 * mb)).decisions[0]?.jobId).toBe(jobId(25))
  })
})
