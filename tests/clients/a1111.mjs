// node a1111.mjs PACKAGE ADDRESS: what a user of these two packages (one is a fork of the other) does, and what they saw as JSON.
import { createRequire } from 'node:module'
import sharp from 'sharp'

const [, , name, address] = process.argv
const required = createRequire(import.meta.url)(name)
const StableDiffusionApi = required.StableDiffusionApi ?? required.default
const { hostname, port } = new URL(address)
const api = new StableDiffusionApi({ host: hostname, port: Number(port), defaultSampler: 'Euler a', defaultStepCount: 2 })
api.setAuth('me', 'secret')

const size = async image => { const { width, height } = await image.metadata(); return [width, height] }
const drawn = await api.txt2img({ prompt: 'a cat', negative_prompt: 'dog', width: 64, height: 64, seed: 5, batch_size: 2 })
const edited = await api.img2img({ init_images: [drawn.image.clone()], mask_image: undefined, prompt: 'a hat', width: 64, height: 96, seed: 5, denoising_strength: 0.5 })
const enlarged = await api.extraSingle({ image: sharp(await drawn.image.clone().png().toBuffer()), upscaler_1: 'Lanczos', upscaling_resize: 3 })
const text = await api.pngInfo(sharp(Buffer.from(drawn.response.data.images[1], 'base64')).withMetadata())
const [model] = await api.getSdModels()
if (name === 'a1111-webui-api') await api.setModel(model.model_name)
else await api.setOptions({ sd_model_checkpoint: model.title }) // its setModel looks for a member that no server sends
let refused
try {
  await api.txt2img({ prompt: 'a face', width: 64, height: 64, alwayson_scripts: { ADetailer: { args: [true, false, { ad_model: 'hand_yolov8n.pt' }] } } })
} catch (error) {
  refused = error.response.data.detail
}
console.log(JSON.stringify({
  drawn: await Promise.all(drawn.images.map(size)),
  seeds: JSON.parse(drawn.response.data.info).all_seeds,
  edited: await size(edited.image),
  enlarged: await size(enlarged.image),
  info: typeof text.info,
  samplers: (await api.getSamplers()).map(sampler => sampler.name),
  upscalers: (await api.getUpscalers()).map(upscaler => upscaler.name),
  model: await api.getCurrentModel?.(),
  options: (await api.getOptions()).samples_format,
  progress: (await api.getProgress()).progress,
  flags: (await api.getCmdFlags()).api,
  styles: await api.getPromptStyles(),
  refused,
}))
