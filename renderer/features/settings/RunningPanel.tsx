import { KvCodec } from '../../../electron/contract/open-model.ts';
import { formatCount } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Select } from '../../ui/Select.tsx';
import type { SettingsPanelProps } from './LookPanel.tsx';
import { NumberSetting } from './NumberSetting.tsx';

const retortsChoice = 'retort';
const codecOptions = [
  { value: retortsChoice, label: 'automatic' },
  ...KvCodec.options.map((codec) => ({ value: codec, label: codec })),
];

/** How models are loaded and how long replies may be. */
export function RunningPanel({ settings, onChange, cores }: SettingsPanelProps & { readonly cores: number }) {
  return (
    <Panel
      title="Running models"
      aside={<span className="ml-auto text-1 text-text-muted">taken when a model is next loaded</span>}
    >
      <div className="grid grid-cols-2 gap-3 px-3 pb-3">
        <NumberSetting
          label="Threads"
          value={settings.threads}
          minimum={1}
          maximum={1024}
          placeholder={`all ${formatCount(cores, 'core')}`}
          unit="threads"
          description="More than there are cores makes it slower."
          onChange={(threads) => onChange({ threads })}
        />
        <NumberSetting
          label="Context"
          value={settings.defaultContext}
          minimum={1}
          maximum={16_777_216}
          placeholder="8,192, or what the model has"
          unit="tokens"
          description="How much of a chat a model sees. Keys and values take memory for each token of it."
          onChange={(defaultContext) => onChange({ defaultContext })}
        />
        <div className="grid content-start gap-1">
          <Select
            label="Precision of keys and values"
            value={settings.kvCodec ?? retortsChoice}
            options={codecOptions}
            onChange={(value) => onChange({ kvCodec: KvCodec.safeParse(value).data ?? null })}
          />
          <p className="text-1 text-text-muted">f16 takes half the memory of f32, q8 about a quarter.</p>
        </div>
        <NumberSetting
          label="Longest reply"
          value={settings.maxTokens}
          minimum={1}
          maximum={16_777_216}
          placeholder="as the context allows"
          unit="tokens"
          description="A reply that reaches it stops there, and says so. A chat may have its own."
          onChange={(maxTokens) => onChange({ maxTokens })}
        />
      </div>
    </Panel>
  );
}
