import type { AttemptVoice } from '../../../agent/jobs/surroundings.ts'
import { AppError } from '../../../shared/errors/index.ts'

/** A voice whose questions are answered by `allow`, and what was asked of it in order. */
export function allowing(allow: (key: string) => boolean = () => true) {
  const asked: string[] = []
  const voice: AttemptVoice = {
    signal: new AbortController().signal,
    leaving: new AbortController().signal,
    progress: () => {},
    touching: () => {},
    uploadOpened: () => {},
    uploadClosed: () => {},
    children: () => {},
    committing: () => {},
    grant: async (_action, keys) => {
      if (!keys.every(allow)) throw new AppError('job.grant-refused')
      asked.push(...keys)
    },
  }
  return { voice, asked }
}
