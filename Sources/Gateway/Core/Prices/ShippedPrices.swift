/// The price list that the program brings along, so that a new gateway knows what common models cost.
///
/// Source: the providers' public price pages (openai.com/api/pricing, anthropic.com/pricing, ai.google.dev/pricing, mistral.ai/pricing,
/// api-docs.deepseek.com, groq.com/pricing), as remembered in June 2025, list prices without discounts. **They must be checked against those pages before
/// anybody is billed by them.** Current ones are brought in by `agentshield prices import FILE`, and then win over these; `docs/prices.md` says how.
package enum ShippedPrices {
    /// The day of which the list is.
    package static let day = "2025-06-01"

    package static let entries: [PriceEntry] = (try? PriceFile.parse(Array(text.utf8)).map(\.entry)) ?? []

    static let text = """
        provider,model,effective_from,input,cache_read,cache_write,output
        openai,gpt-4o,\(day),2.50,1.25,2.50,10.00
        openai,gpt-4o-20*,\(day),2.50,1.25,2.50,10.00
        openai,gpt-4o-mini,\(day),0.15,0.075,0.15,0.60
        openai,gpt-4o-mini-20*,\(day),0.15,0.075,0.15,0.60
        openai,gpt-4.1,\(day),2.00,0.50,2.00,8.00
        openai,gpt-4.1-20*,\(day),2.00,0.50,2.00,8.00
        openai,gpt-4.1-mini,\(day),0.40,0.10,0.40,1.60
        openai,gpt-4.1-mini-20*,\(day),0.40,0.10,0.40,1.60
        openai,gpt-4.1-nano,\(day),0.10,0.025,0.10,0.40
        openai,gpt-4.1-nano-20*,\(day),0.10,0.025,0.10,0.40
        openai,gpt-4-turbo,\(day),10.00,10.00,10.00,30.00
        openai,gpt-3.5-turbo,\(day),0.50,0.50,0.50,1.50
        openai,o1,\(day),15.00,7.50,15.00,60.00
        openai,o3,\(day),10.00,2.50,10.00,40.00
        openai,o3-mini,\(day),1.10,0.55,1.10,4.40
        openai,o4-mini,\(day),1.10,0.275,1.10,4.40
        anthropic,claude-opus-4-*,\(day),15.00,1.50,18.75,75.00
        anthropic,claude-sonnet-4-*,\(day),3.00,0.30,3.75,15.00
        anthropic,claude-3-7-sonnet-*,\(day),3.00,0.30,3.75,15.00
        anthropic,claude-3-5-sonnet-*,\(day),3.00,0.30,3.75,15.00
        anthropic,claude-3-5-haiku-*,\(day),0.80,0.08,1.00,4.00
        anthropic,claude-3-opus-*,\(day),15.00,1.50,18.75,75.00
        anthropic,claude-3-haiku-*,\(day),0.25,0.03,0.30,1.25
        google,gemini-2.0-flash,\(day),0.10,0.025,0.10,0.40
        google,gemini-2.0-flash-lite,\(day),0.075,0.075,0.075,0.30
        google,gemini-1.5-flash,\(day),0.15,0.0375,0.15,0.60
        mistral,mistral-large-latest,\(day),2.00,2.00,2.00,6.00
        mistral,mistral-small-latest,\(day),0.10,0.10,0.10,0.30
        mistral,codestral-latest,\(day),0.30,0.30,0.30,0.90
        deepseek,deepseek-chat,\(day),0.27,0.07,0.27,1.10
        deepseek,deepseek-reasoner,\(day),0.55,0.14,0.55,2.19
        groq,llama-3.3-70b-versatile,\(day),0.59,0.59,0.59,0.79
        groq,llama-3.1-8b-instant,\(day),0.05,0.05,0.05,0.08
        """
}
