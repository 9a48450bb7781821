extension ConfigurationKey {
    static let prices: [ConfigurationKey] = [
        ConfigurationKey(
            "prices", .section, .means("the defaults below"), "What models are charged whose price nobody knows: [prices.md](prices.md)."),
        ConfigurationKey(
            "prices.unknown", .choice(Configuration.UnknownPrice.allCases.map(\.rawValue)), .defaultText("refuse"),
            "`refuse`: requests that could go to such a model get `price_unknown` (403). `ceiling`: they are charged as `ceiling` says."),
        ConfigurationKey("prices.ceiling", .section, .means("none"), "For `unknown: ceiling`, in USD per million tokens."),
        ConfigurationKey("prices.ceiling.input", .price, .required, "Input tokens."),
        ConfigurationKey("prices.ceiling.output", .price, .required, "Output and reasoning tokens."),
        ConfigurationKey("prices.ceiling.cache_read", .price, .means("as `input`"), "As in `models[].price`."),
        ConfigurationKey("prices.ceiling.cache_write", .price, .means("as `input`"), "As in `models[].price`."),
    ]
}
