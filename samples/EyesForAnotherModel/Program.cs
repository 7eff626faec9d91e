// Gives eyes to a model that has none: a kernel whose chat service is any other one, with the vision plugin over the local model.
// Usage: EyesForAnotherModel <folder> <image in it>
//
// The blind model here is a scripted one, so that the sample runs anywhere; put a real one in its place:
// builder.AddOpenAIChatCompletion("gpt-4o-mini", key), or any IChatClient.
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm;

if (args.Length != 2) throw new ArgumentException("Give a folder and the name of an image in it.");
IKernelBuilder builder = Kernel.CreateBuilder();
builder.Services.AddSingleton<IChatCompletionService>(new FasterVlmChatCompletionService(new BlindModel(image: args[1])));

// The eyes have a key of their own, so that they are not taken for the kernel's model. They see this folder and nothing else.
builder.AddFasterVlmChatClient(serviceId: "eyes");
builder.AddFasterVlmVisionPlugin(o => o.AllowedRoot = args[0], "eyes");
Kernel kernel = builder.Build();

ChatHistory history = [];
history.AddUserMessage($"What does the sign on {args[1]} say?");
PromptExecutionSettings settings = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
ChatMessageContent answer = await kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentAsync(history, settings, kernel);
foreach (ChatMessageContent message in history) Console.WriteLine($"{message.Role}: {message.Content ?? string.Join(", ", FunctionCallContent.GetFunctionCalls(message).Select(static c => $"{c.PluginName}.{c.FunctionName}"))}");
Console.WriteLine(answer.Content);
await ((ServiceProvider)kernel.Services).DisposeAsync();
