// Asks a local model about an image through Semantic Kernel. Usage: AskAboutAnImage <image> [question]
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Pruning;

string image = args.Length > 0 ? args[0] : throw new ArgumentException("Give the path of an image.");
string question = args.Length > 1 ? args[1] : "What is in the picture?";

// Without paths this is the small model of models/; give modelPath and projectorPath for a real LLaVA.
IKernelBuilder builder = Kernel.CreateBuilder();
builder.AddFasterVlmChatCompletion(configure: o => o.VisualTokens = VisualTokenBudget.Keep(0.5));
Kernel kernel = builder.Build();

ChatHistory history = [];
history.AddUserMessage([new TextContent(question), new ImageContent(File.ReadAllBytes(image), mimeType: null)]);

IChatCompletionService chat = kernel.GetRequiredService<IChatCompletionService>();
await foreach (StreamingChatMessageContent piece in chat.GetStreamingChatMessageContentsAsync(history, kernel: kernel))
    Console.Write(piece.Content);
Console.WriteLine();

await ((ServiceProvider)kernel.Services).DisposeAsync();
