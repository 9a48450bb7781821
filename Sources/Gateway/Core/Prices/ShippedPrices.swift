/// The price list that the program brings along, so that a new gateway knows what common models cost.
///
/// Source: the providers' public price pages (openai.com/api/pricing, anthropic.com/pricing, ai.google.dev/pricing, mistral.ai/pricing,
/// api-docs.deepseek.com, groq.com/pricing), as public copies had them in November 2025: list prices without discounts, in each provider's standard tier; where
/// long prompts cost more, the price of those. **They must be checked against those pages before anybody is billed by them.** Current ones are brought in by `agentshield prices import FILE`, and then win over these; `docs/prices.md` says how.
package enum ShippedPrices {
    /// The day of which the list is. Entries of later days than ``start`` say when the provider brought out the model or changed its price.
    package static let day = "2025-11-30"
    private static let start = "2025-06-01"

    package static let entries: [PriceEntry] = (try? PriceFile.parse(Array(text.utf8)).map(\.entry)) ?? []

    static let text = """
        provider,model,effective_from,input,cache_read,cache_write,output
        openai,gpt-4o,\(start),2.50,1.25,2.50,10.00
        openai,gpt-4o-20*,\(start),2.50,1.25,2.50,10.00
        openai,gpt-4o-mini,\(start),0.15,0.075,0.15,0.60
        openai,gpt-4o-mini-20*,\(start),0.15,0.075,0.15,0.60
        openai,gpt-4.1,\(start),2.00,0.50,2.00,8.00
        openai,gpt-4.1-20*,\(start),2.00,0.50,2.00,8.00
        openai,gpt-4.1-mini,\(start),0.40,0.10,0.40,1.60
        openai,gpt-4.1-mini-20*,\(start),0.40,0.10,0.40,1.60
        openai,gpt-4.1-nano,\(start),0.10,0.025,0.10,0.40
        openai,gpt-4.1-nano-20*,\(start),0.10,0.025,0.10,0.40
        openai,gpt-4-turbo,\(start),10.00,10.00,10.00,30.00
        openai,gpt-3.5-turbo,\(start),0.50,0.50,0.50,1.50
        openai,o1,\(start),15.00,7.50,15.00,60.00
        openai,o3,\(start),10.00,2.50,10.00,40.00
        openai,o3,2025-06-10,2.00,0.50,2.00,8.00
        openai,gpt-5,2025-08-07,1.25,0.125,1.25,10.00
        openai,gpt-5-20*,2025-08-07,1.25,0.125,1.25,10.00
        openai,gpt-5-chat-latest,2025-08-07,1.25,0.125,1.25,10.00
        openai,gpt-5-mini,2025-08-07,0.25,0.025,0.25,2.00
        openai,gpt-5-mini-20*,2025-08-07,0.25,0.025,0.25,2.00
        openai,gpt-5-nano,2025-08-07,0.05,0.005,0.05,0.40
        openai,gpt-5-nano-20*,2025-08-07,0.05,0.005,0.05,0.40
        openai,gpt-5-codex,2025-09-23,1.25,0.125,1.25,10.00
        openai,gpt-5.1,2025-11-13,1.25,0.125,1.25,10.00
        openai,gpt-5.1-20*,2025-11-13,1.25,0.125,1.25,10.00
        openai,o3-mini,\(start),1.10,0.55,1.10,4.40
        openai,o4-mini,\(start),1.10,0.275,1.10,4.40
        anthropic,claude-opus-4-2025*,\(start),15.00,1.50,18.75,75.00
        anthropic,claude-opus-4-0,\(start),15.00,1.50,18.75,75.00
        anthropic,claude-opus-4-1,2025-08-05,15.00,1.50,18.75,75.00
        anthropic,claude-opus-4-1-2025*,2025-08-05,15.00,1.50,18.75,75.00
        anthropic,claude-opus-4-5,2025-11-24,5.00,0.50,6.25,25.00
        anthropic,claude-opus-4-5-2025*,2025-11-24,5.00,0.50,6.25,25.00
        anthropic,claude-sonnet-4-2025*,\(start),3.00,0.30,3.75,15.00
        anthropic,claude-sonnet-4-0,\(start),3.00,0.30,3.75,15.00
        anthropic,claude-sonnet-4-5,2025-09-29,3.00,0.30,3.75,15.00
        anthropic,claude-sonnet-4-5-2025*,2025-09-29,3.00,0.30,3.75,15.00
        anthropic,claude-haiku-4-5,2025-10-15,1.00,0.10,1.25,5.00
        anthropic,claude-haiku-4-5-2025*,2025-10-15,1.00,0.10,1.25,5.00
        anthropic,claude-3-7-sonnet-*,\(start),3.00,0.30,3.75,15.00
        anthropic,claude-3-5-sonnet-*,\(start),3.00,0.30,3.75,15.00
        anthropic,claude-3-5-haiku-*,\(start),0.80,0.08,1.00,4.00
        anthropic,claude-3-opus-*,\(start),15.00,1.50,18.75,75.00
        anthropic,claude-3-haiku-*,\(start),0.25,0.03,0.30,1.25
        google,gemini-2.0-flash,\(start),0.10,0.025,0.10,0.40
        google,gemini-2.0-flash-lite,\(start),0.075,0.075,0.075,0.30
        google,gemini-2.5-pro,2025-06-17,2.50,0.25,2.50,15.00
        google,gemini-2.5-flash,2025-06-17,0.30,0.03,0.30,2.50
        google,gemini-2.5-flash-lite,2025-07-22,0.10,0.01,0.10,0.40
        google,gemini-1.5-flash,\(start),0.15,0.0375,0.15,0.60
        mistral,mistral-large-latest,\(start),2.00,2.00,2.00,6.00
        mistral,mistral-small-latest,\(start),0.10,0.10,0.10,0.30
        mistral,codestral-latest,\(start),0.30,0.30,0.30,0.90
        deepseek,deepseek-chat,\(start),0.27,0.07,0.27,1.10
        deepseek,deepseek-reasoner,\(start),0.55,0.14,0.55,2.19
        groq,llama-3.3-70b-versatile,\(start),0.59,0.59,0.59,0.79
        groq,llama-3.1-8b-instant,\(start),0.05,0.05,0.05,0.08
        """
}
