// An application written for OpenAI's connector, moved to the local model by one line. Usage: SwapTheConnector <image> [question]
// With OPENAI_API_KEY set it asks OpenAI, else the local model; nothing else differs.
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;

string image = args.Length > 0 ? args[0] : throw new ArgumentException("Give the path of an image.");
string question = args.Length > 1 ? args[1] : "What is in the picture?";
IKernelBuilder builder = Kernel.CreateBuilder();

if (Environment.GetEnvironmentVariable("OPENAI_API_KEY") is { Length: > 0 } key) builder.AddOpenAIChatCompletion("gpt-4o-mini", key);
else builder.AddFasterVlmChatCompletion(); // the line; give modelPath and projectorPath for a real LLaVA

Kernel kernel = builder.Build();
ChatHistory history = [];
history.AddUserMessage([new TextContent(question), new ImageContent(await File.ReadAllBytesAsync(image), "image/jpeg")]);

// The settings stay OpenAI's; what the local model cannot do would be an error that names it.
OpenAIPromptExecutionSettings settings = new() { Temperature = 0, MaxTokens = 64, StopSequences = ["\n\n"] };
ChatMessageContent answer = await kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentAsync(history, settings, kernel);
Console.WriteLine($"{answer.ModelId}: {answer.Content} ({answer.Metadata!["FinishReason"]})");
await ((ServiceProvider)kernel.Services).DisposeAsync();
