import type { Cost } from './measured.ts'
import type { DatabaseName } from './names.ts'
import type { Sample } from './sample.ts'
import type { World } from './world.ts'

/** What one measurement brings, before it is named and numbered. */
export type Outcome = Omit<Sample, 'subject' | 'round' | keyof Cost> & { readonly cost: Cost }

/** What later subjects take from earlier ones. */
export interface Course {
  /** Where the shell's last backup lies on the real S3 server. */
  shellKey?: string
  /** Manifest of our last backup there. */
  ourManifest?: string
  /** Streams asked for on the command line. */
  readonly streams: number | undefined
}

/** Something that is measured. */
export interface Subject {
  readonly name: string
  readonly needsS3: boolean
  readonly databases: readonly DatabaseName[]
  /** Fewer rounds than asked for, where more would say nothing. */
  readonly mostRounds?: number
  /** Why it cannot be measured here. */
  readonly impossible?: (world: World) => string | undefined
  readonly run: (world: World, course: Course) => Promise<Outcome>
}
