import { AppError } from '../../../shared/errors/index.ts'
import {
  type EnrolmentServiceServer,
  EnrolmentServiceService,
  type EnrolRequest,
  type EnrolResponse,
  type RenewRequest,
  type RenewResponse,
} from '../../../shared/wire/gen/holdfast/v1/enrolment.ts'
import type { Identities } from '../../identity/identities.ts'
import { type HandleEnv, unary } from '../handle.ts'
import type { ServedService } from '../server.ts'

/** Counts and audits who was turned away. */
export type OnTurnedAway = (reason: string, subject: string) => void

/** Enrolment: called without a certificate, so it counts on nothing but what a request proves. */
export function enrolmentService(
  env: HandleEnv,
  identities: Pick<Identities, 'enrol' | 'renew'>,
  onTurnedAway: OnTurnedAway,
): ServedService {
  const told = async <T>(subject: string, work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (thrown) {
      const { code } = AppError.from(thrown)
      if (code.startsWith('enrol.bad') || code === 'enrol.not-renewable' || code === 'access.revoked')
        onTurnedAway(code, subject)
      throw thrown
    }
  }
  const implementation: EnrolmentServiceServer = {
    enrol: unary<EnrolRequest, EnrolResponse>(env, async ({ joinToken, certificateRequestDer, hostname }) => {
      const { agentId, certificate, authorities } = await told(
        hostname.slice(0, 64),
        identities.enrol({ joinToken, request: certificateRequestDer, hostname }),
      )
      return { agentId, certificateDer: certificate, authorityDer: [...authorities] }
    }),
    renew: unary<RenewRequest, RenewResponse>(
      env,
      async ({ certificateDer, certificateRequestDer, proof }) => {
        const { certificate, authorities } = await told(
          'renewal',
          identities.renew({ certificate: certificateDer, request: certificateRequestDer, proof }),
        )
        return { certificateDer: certificate, authorityDer: [...authorities] }
      },
    ),
  }
  return { definition: EnrolmentServiceService, implementation }
}
