/** What an agent says of its host; the shape it has on the wire, so that anything may stand in it. Sizes in bytes. */
export interface HostClaim {
  readonly slots: number
  /** Stored bytes a second; 0: no limit. */
  readonly maxRate: number
  readonly partBufferBytes: number
  readonly disks: readonly DiskClaim[]
  readonly links: readonly {
    readonly name: string
    readonly receivedBytesPerSecond: number
    readonly sentBytesPerSecond: number
  }[]
  /** Per cent; undefined is unknown, not none. */
  readonly pressure?: PressureClaim | undefined
  readonly load1: number
  readonly memoryAvailableBytes: number
  /** What the agent holds back now, in words. */
  readonly yielding: string
}

export interface DiskClaim {
  readonly path: string
  /** state, staging, data. */
  readonly purposes: readonly string[]
  readonly totalBytes: number
  readonly freeBytes: number
  readonly reserveBytes: number
}

export interface PressureClaim {
  readonly cpu?: number | undefined
  readonly memory?: number | undefined
  readonly io?: number | undefined
}

/** A claim that cannot be, and what is reckoned with instead. */
export interface Doubt {
  readonly what: string
  readonly said: number
  readonly taken: number
}

/** What of a capacity is compared from beat to beat: no honest agent changes it more than now and then. */
export interface StatedCapacity {
  readonly slots: number
  readonly maxRate: number
  readonly partBufferBytes: number
}

/** As many as an agent can be configured to take. */
const mostSlots = 64
/** A terabyte a second, a petabyte of memory, an exabyte of disk: beyond that it is a mistake or a lie. */
const mostRate = 1e12
const mostMemory = 2 ** 50
const mostDisk = 2 ** 53 - 1
const mostLoad = 1e6
const mostListed = 32
/** Beats a capacity is judged by, and changes among them that are no change of configuration any more. */
export const beatsJudged = 6
const mostChanges = 2

/**
 * What a host's claim is worth: what is negative or absurd is clamped to what can be, a capacity that changes from
 * beat to beat is taken as the least of it. Each with its doubt, so that people see why. Never refuses a host: a
 * claim is no reason to leave its databases without backups.
 *
 * @param memoryBytes of the host as its Hello said; 0 unknown
 * @param stated the capacities of the last beats, oldest first, this one last; at most `beatsJudged` count
 */
export function believe(
  claim: HostClaim,
  memoryBytes: number,
  stated: readonly StatedCapacity[] = [],
): { readonly claim: HostClaim; readonly doubts: readonly Doubt[] } {
  const doubts: Doubt[] = []
  const bounded = (what: string, said: number, low: number, high: number): number => {
    const taken = Number.isFinite(said) ? Math.min(high, Math.max(low, said)) : low
    if (taken !== said) doubts.push({ what, said, taken })
    return taken
  }
  const mostBuffer = memoryBytes > 0 ? Math.min(memoryBytes, mostMemory) : mostMemory
  const steady = (key: keyof StatedCapacity): number => {
    const values = stated.slice(-beatsJudged).map(each => each[key])
    const changes = values.filter((value, n) => n > 0 && value !== values[n - 1]).length
    if (changes <= mostChanges) return claim[key]
    // a rate of 0 is no limit: the least is the lowest that limits
    const real = key === 'maxRate' ? values.filter(value => value > 0) : values
    const taken = Math.min(...real)
    doubts.push({ what: `${key} (changing)`, said: claim[key], taken })
    return taken
  }
  const disks = claim.disks.slice(0, mostListed).map(disk => {
    const totalBytes = bounded(`disk ${disk.path} total`, disk.totalBytes, 0, mostDisk)
    return {
      path: disk.path,
      purposes: disk.purposes,
      totalBytes,
      freeBytes: bounded(`disk ${disk.path} free`, disk.freeBytes, 0, totalBytes),
      reserveBytes: bounded(`disk ${disk.path} reserve`, disk.reserveBytes, 0, mostDisk),
    }
  })
  const share = (what: string, said: number | undefined) =>
    said === undefined ? undefined : bounded(`pressure ${what}`, said, 0, 100)
  const { pressure } = claim
  const believed: HostClaim = {
    slots: bounded('slots', steady('slots'), 1, mostSlots),
    maxRate: bounded('max rate', steady('maxRate'), 0, mostRate),
    partBufferBytes: bounded('part buffers', steady('partBufferBytes'), 0, mostBuffer),
    disks,
    links: claim.links.slice(0, mostListed).map(link => ({
      name: link.name,
      receivedBytesPerSecond: bounded(`${link.name} received`, link.receivedBytesPerSecond, 0, mostRate),
      sentBytesPerSecond: bounded(`${link.name} sent`, link.sentBytesPerSecond, 0, mostRate),
    })),
    ...(pressure === undefined
      ? {}
      : {
          pressure: {
            cpu: share('cpu', pressure.cpu),
            memory: share('memory', pressure.memory),
            io: share('io', pressure.io),
          },
        }),
    load1: bounded('load', claim.load1, 0, mostLoad),
    memoryAvailableBytes: bounded('memory available', claim.memoryAvailableBytes, 0, mostBuffer),
    yielding: claim.yielding,
  }
  return { claim: believed, doubts }
}

/** A doubt as people read it. */
export function doubtText({ what, said, taken }: Doubt): string {
  return `${what}: says ${said}, taken as ${taken}`
}
