export {
  judgeSignatures,
  type ManifestSignature,
  type SignatureVerdict,
  type SigningKey,
  signManifest,
} from './manifest-signature.ts'
