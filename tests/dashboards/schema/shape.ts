// What Grafana's published types demand of a dashboard and of the panels that are used in one.

import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type * as Timeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts';
import type * as TimeSeries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

// JSON has the values of an enum, not its names.
type Json<T> = T extends string ? `${T}` : T extends number ? (`${T}` extends `${infer N extends number}` ? N : T)
  : T extends boolean | null | undefined ? T : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// What a panel's `options` and its fields' `custom` may be is told apart by its type.
type PanelOf<Kind extends string, Options, Custom> = Omit<Json<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Kind;
  title: string;
  description: string;
  options: Json<Options>;
  fieldConfig: Json<{ defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { unit: string; custom?: Custom }; overrides: [] }>;
  targets: Query[];
};

// Grafana publishes no type of a Prometheus query any more; these are the fields of its data source.
interface Query {
  refId: string;
  datasource: { type: 'prometheus'; uid: string };
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
}

type AnyPanel =
  | PanelOf<'stat', Stat.Options, never>
  | PanelOf<'timeseries', Partial<TimeSeries.Options>, TimeSeries.FieldConfig>
  | PanelOf<'state-timeline', Timeline.Options, Timeline.FieldConfig>;

export type Written = Omit<Json<Dashboard>, 'panels' | 'templating'> & {
  panels: (AnyPanel | Json<RowPanel>)[];
  templating: { list: Json<VariableModel>[] };
};
